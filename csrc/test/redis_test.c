#include "support.h"

#include "redis/redis.h"

#include <string.h>
#include <unistd.h>

static mkt_code ping(mkt_redis *redis, mkt_error *error) {
  const char *word = "PING";
  size_t length = strlen(word);
  struct redisReply *reply;
  return mkt_redis_command(redis, 1, &word, &length, &reply, error);
}

static void another_process_is_refused(void **state) {
  (void)state;
  int no_connection;
  mkt_error error;
  mkt_redis redis = {.context = (void *)&no_connection, .pid = getpid() + 1};
  assert_int_equal(ping(&redis, &error), MKT_ERR_CONNECT_FAILED);
  assert_string_equal(error.message, "the connection is another process's");
}

static void closed_is_refused(void **state) {
  (void)state;
  mkt_error error;
  mkt_redis redis = {0};
  mkt_redis_close(&redis);
  assert_int_equal(ping(&redis, &error), MKT_ERR_CONNECT_FAILED);
  assert_string_equal(error.message, "the connection is closed");
}

static void failed_connection_leaves_nothing(void **state) {
  (void)state;
  mkt_error error;
  mkt_redis redis = {0};
  mkt_redis_options options = {.path = "/nowhere/at/all", .connect_timeout = 1, .timeout = 1};
  assert_int_equal(mkt_redis_open(&redis, &options, &error), MKT_ERR_CONNECT_FAILED);
  assert_true(error.retryable);
  assert_null(redis.context);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(another_process_is_refused),
      cmocka_unit_test(closed_is_refused),
      cmocka_unit_test(failed_connection_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
