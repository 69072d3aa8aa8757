#include "support.h"

#include "redis/reader.h"

#include <string.h>

typedef struct reading {
  mkt_redis_reader reader;
  mkt_error error;
  redisReply *reply;
} reading;

static void begin(reading *r) {
  *r = (reading){0};
  assert_int_equal(mkt_redis_reader_open(&r->reader, &r->error), MKT_OK);
}

/* The byte after the last one cannot be read. */
static mkt_code feed(reading *r, const char *bytes, size_t n) {
  mkt_guarded copy = mkt_guard(bytes, n);
  mkt_code code = mkt_redis_reader_feed(&r->reader, copy.p, copy.n, &r->error);
  mkt_unguard(&copy);
  return code;
}

static mkt_code next(reading *r) {
  mkt_redis_free(r->reply);
  r->reply = NULL;
  return mkt_redis_reader_next(&r->reader, &r->reply, &r->error);
}

static void finish(reading *r) {
  mkt_redis_free(r->reply);
  mkt_redis_reader_close(&r->reader);
}

static const char answers[] = "*3\r\n$4\r\na\0\r\n\r\n*2\r\n:-7\r\n$-1\r\n+OK\r\n-ERR no\r\n";

static void check_answers(reading *r) {
  assert_int_equal(r->reply->type, REDIS_REPLY_ARRAY);
  assert_int_equal(r->reply->elements, 3);
  assert_int_equal(r->reply->element[0]->len, 4);
  assert_memory_equal(r->reply->element[0]->str, "a\0\r\n", 4);
  assert_int_equal(r->reply->element[1]->element[0]->integer, -7);
  assert_int_equal(r->reply->element[1]->element[1]->type, REDIS_REPLY_NIL);
}

static void answers_are_read_wherever_they_are_cut(void **state) {
  (void)state;
  size_t n = sizeof answers - 1, first_n = n - strlen("-ERR no\r\n");
  for (size_t cut = 0; cut <= first_n; cut++) {
    reading r;
    begin(&r);
    assert_int_equal(feed(&r, answers, cut), MKT_OK);
    assert_int_equal(next(&r), MKT_OK);
    assert_true((r.reply != NULL) == (cut == first_n));
    if (cut < first_n) {
      assert_true(cut == 0 || !mkt_redis_reader_is_empty(&r.reader));
      assert_int_equal(feed(&r, answers + cut, first_n - cut), MKT_OK);
      assert_int_equal(next(&r), MKT_OK);
    }
    check_answers(&r);
    assert_true(mkt_redis_reader_is_empty(&r.reader));
    finish(&r);
  }
}

static void answers_that_come_together_are_given_one_by_one(void **state) {
  (void)state;
  reading r;
  begin(&r);
  assert_int_equal(feed(&r, answers, sizeof answers - 1), MKT_OK);
  assert_int_equal(next(&r), MKT_OK);
  check_answers(&r);
  assert_false(mkt_redis_reader_is_empty(&r.reader));
  assert_int_equal(next(&r), MKT_OK);
  assert_int_equal(r.reply->type, REDIS_REPLY_ERROR);
  assert_string_equal(r.reply->str, "ERR no");
  assert_int_equal(next(&r), MKT_OK);
  assert_null(r.reply);
  assert_true(mkt_redis_reader_is_empty(&r.reader));
  finish(&r);
}

static void what_is_no_answer_ends_the_reader(void **state) {
  (void)state;
  static const char *const malformed[] = {"?\r\n",       "HTTP/1.1 200 OK\r\n",
                                          ":12x\r\n",    ":99999999999999999999\r\n",
                                          "$x\r\n",      "$-2\r\n",
                                          "*-2\r\n",     "*x\r\n",
                                          "*1\r\n?\r\n", "$99999999999999999999\r\n"};
  for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
    reading r;
    begin(&r);
    assert_int_equal(feed(&r, malformed[i], strlen(malformed[i])), MKT_OK);
    assert_int_equal(next(&r), MKT_ERR_CONNECT_FAILED);
    assert_null(r.reply);
    assert_int_not_equal(r.error.message[0], 0);
    assert_int_not_equal(feed(&r, "+OK\r\n", 5), MKT_OK);
    assert_int_not_equal(next(&r), MKT_OK);
    finish(&r);
  }
}

static void more_elements_than_the_limit_are_not_made(void **state) {
  (void)state;
  static const char *const large[] = {"*4194305\r\n", "*2\r\n*2\r\n:1\r\n:2\r\n*4194301\r\n"};
  for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
    reading r;
    begin(&r);
    assert_int_equal(feed(&r, large[i], strlen(large[i])), MKT_OK);
    assert_int_equal(next(&r), MKT_ERR_TOO_LARGE);
    assert_string_equal(r.error.message, "the answer has more than 4194304 elements");
    finish(&r);
  }
}

static void as_many_elements_as_the_limit_are_made_in_each_answer(void **state) {
  (void)state;
  static const char *const largest[] = {"*1\r\n:1\r\n*4194304\r\n",
                                        "*2\r\n*2\r\n:1\r\n:2\r\n*4194300\r\n"};
  for (size_t i = 0; i < sizeof largest / sizeof *largest; i++) {
    reading r;
    begin(&r);
    assert_int_equal(feed(&r, largest[i], strlen(largest[i])), MKT_OK);
    if (i == 0) {
      assert_int_equal(next(&r), MKT_OK);
      assert_non_null(r.reply);
    }
    assert_int_equal(next(&r), MKT_OK);
    assert_null(r.reply);
    finish(&r);
  }
}

#define SIX_LEVELS "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"

static void more_levels_than_the_limit_are_not_made(void **state) {
  (void)state;
  static const char deepest[] = SIX_LEVELS "*1\r\n:1\r\n", deeper[] = SIX_LEVELS "*1\r\n*0\r\n";
  reading r;
  begin(&r);
  assert_int_equal(feed(&r, deepest, sizeof deepest - 1), MKT_OK);
  assert_int_equal(next(&r), MKT_OK);
  assert_int_equal(r.reply->type, REDIS_REPLY_ARRAY);
  assert_int_equal(feed(&r, deeper, sizeof deeper - 1), MKT_OK);
  assert_int_equal(next(&r), MKT_ERR_TOO_LARGE);
  assert_string_equal(r.error.message, "the answer has more than 7 levels of lists");
  finish(&r);
}

static void more_bytes_than_the_limit_are_not_taken(void **state) {
  (void)state;
  reading r;
  begin(&r);
  assert_int_equal(feed(&r, "$5", 2), MKT_OK);
  assert_int_equal(mkt_redis_reader_feed(&r.reader, "", MKT_REDIS_MOST_BYTES - 1, &r.error),
                   MKT_ERR_TOO_LARGE);
  assert_int_equal(feed(&r, "\r\nabcde\r\n", 9), MKT_OK);
  assert_int_equal(next(&r), MKT_OK);
  assert_string_equal(r.reply->str, "abcde");
  assert_int_equal(r.reader.bytes, 0);
  finish(&r);
}

/* Any bytes: an answer, or an error, but never more read than was given. */
static void nonsense_does_no_harm(void **state) {
  (void)state;
  static const char alphabet[] = "*$+-:?0123459\r\n\r\n\0ax";
  unsigned seed = 1;
  for (int round = 0; round < 20000; round++) {
    reading r;
    begin(&r);
    char bytes[48];
    size_t n = 0;
    while (n < sizeof bytes) {
      seed = seed * 1103515245U + 12345U;
      bytes[n++] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
    }
    for (size_t at = 0; at < n; at += 8) {
      if (mkt_redis_reader_feed(&r.reader, bytes + at, 8, &r.error) != MKT_OK) break;
      if (next(&r) != MKT_OK) break;
    }
    finish(&r);
  }
}

static void closed_reader_is_refused(void **state) {
  (void)state;
  reading r;
  begin(&r);
  finish(&r);
  mkt_redis_reader_close(&r.reader);
  r.reply = NULL;
  assert_int_equal(feed(&r, "+OK\r\n", 5), MKT_ERR_CONNECT_FAILED);
  assert_int_equal(next(&r), MKT_ERR_CONNECT_FAILED);
  assert_string_equal(r.error.message, "the reader is closed");
  assert_true(mkt_redis_reader_is_empty(&r.reader));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_are_read_wherever_they_are_cut),
      cmocka_unit_test(answers_that_come_together_are_given_one_by_one),
      cmocka_unit_test(what_is_no_answer_ends_the_reader),
      cmocka_unit_test(as_many_elements_as_the_limit_are_made_in_each_answer),
      cmocka_unit_test(more_elements_than_the_limit_are_not_made),
      cmocka_unit_test(more_levels_than_the_limit_are_not_made),
      cmocka_unit_test(more_bytes_than_the_limit_are_not_taken),
      cmocka_unit_test(nonsense_does_no_harm),
      cmocka_unit_test(closed_reader_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
