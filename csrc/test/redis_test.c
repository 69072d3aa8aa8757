#include "support.h"

#include "redis/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static mkt_code ask(mkt_redis *redis, const char *word, size_t length, mkt_error *error) {
  redisReply *reply = NULL;
  mkt_code code = mkt_redis_send(redis, 1, &word, &length, error);
  if (code == MKT_OK) code = mkt_redis_receive(redis, &reply, error);
  mkt_redis_free(reply);
  return code;
}

static mkt_code ping(mkt_redis *redis, mkt_error *error) {
  return ask(redis, "PING", 4, error);
}

/* A connection, and its other end. */
typedef struct pair {
  mkt_redis redis;
  int listener, peer;
} pair;

static void connect_pair(pair *p) {
  struct sockaddr_in address;
  *p = (pair){.listener = mkt_listen_for_test(&address)};
  mkt_redis_options options = {.host = "127.0.0.1", .port = ntohs(address.sin_port)};
  assert_int_equal(mkt_redis_open(&p->redis, &options, 60, NULL), MKT_OK);
  p->peer = accept(p->listener, NULL, NULL);
  assert_true(p->peer >= 0);
}

static void end_pair(pair *p) {
  mkt_redis_close(&p->redis);
  if (p->peer >= 0) assert_int_equal(close(p->peer), 0);
  assert_int_equal(close(p->listener), 0);
}

static void say(const pair *p, const char *text) {
  size_t n = strlen(text);
  assert_int_equal(send(p->peer, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void another_process_is_refused(void **state) {
  (void)state;
  pair p;
  mkt_error error;
  connect_pair(&p);
  p.redis.pid++;
  assert_int_equal(ping(&p.redis, &error), MKT_ERR_CONNECT_FAILED);
  assert_string_equal(error.message, "the connection belongs to another process");
  assert_false(mkt_redis_is_alive(&p.redis));
  p.redis.pid--;
  assert_true(mkt_redis_is_alive(&p.redis));
  end_pair(&p);
}

static void what_nobody_asked_for_makes_it_useless(void **state) {
  (void)state;
  pair p;
  connect_pair(&p);
  assert_true(mkt_redis_is_alive(&p.redis));
  say(&p, ":1\r\n");
  assert_false(mkt_redis_is_alive(&p.redis));
  end_pair(&p);
}

static void closed_is_refused(void **state) {
  (void)state;
  mkt_error error;
  mkt_redis redis = {0};
  mkt_redis_close(&redis);
  assert_int_equal(ping(&redis, &error), MKT_ERR_CONNECT_FAILED);
  assert_string_equal(error.message, "the connection is closed");
  assert_false(mkt_redis_is_alive(&redis));
}

static void failed_connection_leaves_nothing(void **state) {
  (void)state;
  char long_path[200];
  memset(long_path, 'x', sizeof long_path - 1);
  long_path[sizeof long_path - 1] = '\0';
  const struct {
    mkt_redis_options options;
    const char *message;
  } cases[] = {{{.path = "/nowhere/at/all"}, "No such file or directory"},
               {{.path = long_path}, "File name too long"},
               {{.host = "127.0.0.1", .port = 1}, "Connection refused"},
               {{.host = "not a name", .port = 1}, "Name or service not known"},
               {{.host = "127.0.0.1", .port = 1, .has_tls = true}, "Connection refused"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mkt_error error;
    mkt_redis redis = {0};
    assert_int_equal(mkt_redis_open(&redis, &cases[i].options, 60, &error), MKT_ERR_CONNECT_FAILED);
    assert_string_equal(error.message, cases[i].message);
    assert_true(error.retryable);
    assert_null(redis.reader.reader);
    assert_false(redis.transport.is_open);
  }
}

static int option_of(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  assert_int_equal(getsockopt(socket, level, name, &value, &size), 0);
  return value;
}

static void its_socket_notices_a_dead_peer_and_is_not_inherited(void **state) {
  (void)state;
  pair p;
  connect_pair(&p);
  int socket = p.redis.transport.socket;
  assert_int_equal(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_KEEPIDLE), 10);
  assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_KEEPCNT), 3);
  assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_USER_TIMEOUT), 10000);
  assert_true(option_of(socket, IPPROTO_TCP, TCP_NODELAY) != 0);
  assert_int_equal(fcntl(socket, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  end_pair(&p);
}

static void each_address_has_its_share_of_the_time(void **state) {
  (void)state;
  struct sockaddr_in silent_address, address;
  int silent = mkt_listen_for_test(&silent_address), listener = mkt_listen_for_test(&address);
  struct addrinfo last = {.ai_addr = (struct sockaddr *)&address, .ai_addrlen = sizeof address};
  struct addrinfo first = {.ai_addr = (struct sockaddr *)&silent_address,
                           .ai_addrlen = sizeof silent_address,
                           .ai_next = &last};
  assert_int_equal(setenv("SSL_CERT_FILE", "/dev/null", 1),
                   0); /* reading the system's takes long */
  /* the first takes the connection, and never begins with TLS */
  const mkt_redis_options options = {.host = "localhost", .has_tls = true};
  mkt_redis_transport transport = {0};
  mkt_error error;
  pid_t other = fork();
  if (other == 0) {
    int peer = accept(listener, NULL, NULL);
    _exit(write(peer, "no TLS", 6) == 6 ? 0 : 1);
  }
  mkt_redis_deadline deadline = mkt_redis_deadline_in(2);
  mkt_code code = mkt_redis_transport_open_one_of(&transport, &options, &first, deadline, &error);
  assert_int_equal(code, MKT_ERR_TLS_FAILED);
  assert_int_equal(mkt_redis_deadline_check(deadline, NULL), MKT_OK);
  assert_int_equal(waitpid(other, NULL, 0), other);
  first.ai_next = NULL;
  code = mkt_redis_transport_open_one_of(&transport, &options, &first, mkt_redis_deadline_in(0.05),
                                         &error);
  assert_int_equal(code, MKT_ERR_TIMEOUT);
  assert_int_equal(close(silent), 0);
  assert_int_equal(close(listener), 0);
}

static void what_is_longer_than_a_socket_takes_goes_in_parts(void **state) {
  (void)state;
  pair p;
  connect_pair(&p);
  enum { LONG = 20 * 1024 * 1024 };
  char *word = calloc(1, LONG);
  assert_non_null(word);
  pid_t reader = fork();
  if (reader == 0) {
    char piece[4096];
    size_t left = LONG + strlen("*1\r\n$20971520\r\n\r\n");
    while (left > 0) {
      ssize_t n = read(p.peer, piece, sizeof piece);
      if (n <= 0) _exit(1);
      left -= (size_t)n;
    }
    for (const char *answer = "$3\r\nyes\r\n"; *answer != '\0'; answer++)
      if (send(p.peer, answer, 1, MSG_NOSIGNAL) != 1) _exit(1);
    _exit(0);
  }
  assert_int_equal(ask(&p.redis, word, LONG, NULL), MKT_OK);
  int status = -1;
  assert_int_equal(waitpid(reader, &status, 0), reader);
  assert_int_equal(status, 0);
  free(word);
  end_pair(&p);
}

static void a_peer_that_takes_nothing_costs_the_time_limit(void **state) {
  (void)state;
  pair p;
  connect_pair(&p);
  enum { LONG = 20 * 1024 * 1024 };
  char *word = calloc(1, LONG);
  assert_non_null(word);
  mkt_redis_limit(&p.redis, 0.05);
  assert_int_equal(ask(&p.redis, word, LONG, NULL), MKT_ERR_TIMEOUT);
  assert_false(p.redis.transport.is_open);
  free(word);
  end_pair(&p);
}

static void longer_commands_than_redis_takes_are_not_sent(void **state) {
  (void)state;
  pair p;
  mkt_error error;
  connect_pair(&p);
  assert_int_equal(ask(&p.redis, "", (size_t)MKT_REDIS_MOST_BYTES + 1, &error), MKT_ERR_TOO_LARGE);
  assert_string_equal(error.message, "the command has more than 536870912 bytes");
  say(&p, "+PONG\r\n");
  assert_int_equal(ping(&p.redis, NULL), MKT_OK);
  end_pair(&p);
}

/* The first write meets a closed peer, the second one SIGPIPE unless that is held back. */
static void a_peer_that_is_gone_does_not_end_the_process(void **state) {
  (void)state;
  pair p;
  mkt_error error;
  (void)signal(SIGPIPE, SIG_DFL);
  connect_pair(&p);
  say(&p, "-ERR max number of clients reached\r\n");
  assert_int_equal(close(p.peer), 0);
  p.peer = -1;
  const char *word = "PING";
  size_t length = 4;
  redisReply *reply = NULL;
  assert_false(mkt_redis_is_alive(&p.redis));
  for (int i = 0; i < 3; i++)
    assert_int_equal(mkt_redis_send(&p.redis, 1, &word, &length, &error), MKT_OK);
  mkt_code code = mkt_redis_receive(&p.redis, &reply, &error);
  if (code == MKT_OK) assert_string_equal(reply->str, "ERR max number of clients reached");
  mkt_redis_free(reply);
  if (code == MKT_OK) code = mkt_redis_receive(&p.redis, &reply, &error);
  assert_int_equal(code, MKT_ERR_CONNECT_FAILED);
  assert_false(p.redis.transport.is_open);
  end_pair(&p);
}

static void what_nothing_asked_for_ends_the_connection(void **state) {
  (void)state;
  pair p;
  mkt_error error;
  connect_pair(&p);
  say(&p, "+PONG\r\n+PONG\r\n");
  assert_int_equal(ping(&p.redis, NULL), MKT_OK);
  assert_int_equal(ping(&p.redis, &error), MKT_ERR_CONNECT_FAILED);
  assert_string_equal(error.message, "the server sent what nothing had asked for");
  assert_false(p.redis.transport.is_open);
  end_pair(&p);
}

static void its_limits_are_those_of_one_answer(void **state) {
  (void)state;
  pair p;
  connect_pair(&p);
  p.redis.reader.limits.elements = MKT_REDIS_MOST_ELEMENTS - 1; /* of an answer that has begun */
  for (int i = 0; i < 2; i++) {
    say(&p, "*1\r\n+PONG\r\n");
    assert_int_equal(ping(&p.redis, NULL), MKT_OK);
  }
  end_pair(&p);
}

static void missing_files_are_named(void **state) {
  (void)state;
  struct sockaddr_in address;
  int listener = mkt_listen_for_test(&address);
  const struct {
    const char *ca, *cert, *message;
  } cases[] = {
      {"/none.pem", NULL, "the authorities' certificates /none.pem: No such file or directory"},
      {NULL, "/none.pem", "the client's certificate /none.pem: No such file or directory"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mkt_redis_options options = {.host = "127.0.0.1",
                                 .port = ntohs(address.sin_port),
                                 .has_tls = true,
                                 .ca = cases[i].ca,
                                 .cert = cases[i].cert};
    mkt_redis redis = {0};
    mkt_error error;
    assert_int_equal(mkt_redis_open(&redis, &options, 60, &error), MKT_ERR_TLS_FAILED);
    assert_string_equal(error.message, cases[i].message);
  }
  assert_int_equal(close(listener), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(another_process_is_refused),
      cmocka_unit_test(what_nobody_asked_for_makes_it_useless),
      cmocka_unit_test(closed_is_refused),
      cmocka_unit_test(failed_connection_leaves_nothing),
      cmocka_unit_test(its_socket_notices_a_dead_peer_and_is_not_inherited),
      cmocka_unit_test(each_address_has_its_share_of_the_time),
      cmocka_unit_test(what_is_longer_than_a_socket_takes_goes_in_parts),
      cmocka_unit_test(a_peer_that_takes_nothing_costs_the_time_limit),
      cmocka_unit_test(longer_commands_than_redis_takes_are_not_sent),
      cmocka_unit_test(a_peer_that_is_gone_does_not_end_the_process),
      cmocka_unit_test(what_nothing_asked_for_ends_the_connection),
      cmocka_unit_test(its_limits_are_those_of_one_answer),
      cmocka_unit_test(missing_files_are_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
