#include "core/http.h"
#include "test/support.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 200000, LONG = 600000 /* milliseconds: whoever is not woken waits for ever */ };

static unsigned char byte_at(size_t i) {
  return (unsigned char)(i * 7 + i / 251);
}

/* ---- A server in a process of its own, which gives one answer ---- */

static struct {
  pid_t pid;
  char url[64];
} server;

static void answer(int listener, const char *head, size_t from) {
  static char bytes[SIZE];
  int connection = accept(listener, NULL, NULL);
  (void)!read(connection, bytes, sizeof bytes);
  for (size_t i = 0; i < SIZE; i++)
    bytes[i] = (char)byte_at(i);
  (void)!write(connection, head, strlen(head));
  (void)!write(connection, bytes + from, SIZE - from);
  (void)!read(connection, bytes, 1);
}

static void start_server(const char *head, size_t from) {
  struct sockaddr_in address;
  int listener = mkt_listen_for_test(&address);
  server.pid = fork();
  if (server.pid == 0) {
    answer(listener, head, from);
    _exit(0);
  }
  (void)close(listener);
  (void)snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
}

static int stop_server(void **state) {
  (void)state;
  (void)kill(server.pid, SIGKILL);
  return waitpid(server.pid, NULL, 0) == server.pid ? 0 : 1;
}

static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n";

/* ---- A sink that has room for so much ---- */

static struct {
  mkt_http_sink http;
  pthread_mutex_t lock;
  pthread_cond_t filled;
  size_t taken, room, refused;
  bool is_right, is_over;
  uint64_t from, length;
  mkt_code begin_fails, take_fails;
  void (*wake)(void *of);
  void *wake_of;
} sink = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

static mkt_code begin(mkt_http_sink *http, uint64_t from, uint64_t length, mkt_error *error) {
  (void)http;
  sink.from = from;
  sink.length = length;
  return sink.begin_fails == MKT_OK ? MKT_OK : mkt_fail(error, sink.begin_fails, "not this one");
}

static mkt_http_sink_taken take(mkt_http_sink *http, const char *p, size_t n, mkt_error *error) {
  (void)http;
  (void)pthread_mutex_lock(&sink.lock);
  mkt_http_sink_taken taken = MKT_HTTP_SINK_TAKEN;
  if (n > sink.room) {
    sink.refused++;
    taken = MKT_HTTP_SINK_FULL;
    (void)pthread_cond_signal(&sink.filled);
  } else if (sink.take_fails != MKT_OK) {
    (void)mkt_fail(error, sink.take_fails, "no more");
    sink.take_fails = MKT_OK; /* asked again, it would take what follows */
    taken = MKT_HTTP_SINK_FAILED;
  } else {
    for (size_t i = 0; i < n; i++)
      sink.is_right &= (unsigned char)p[i] == byte_at((size_t)sink.from + sink.taken + i);
    sink.taken += n;
    sink.room -= n;
  }
  (void)pthread_mutex_unlock(&sink.lock);
  return taken;
}

static bool has_room(mkt_http_sink *http) {
  (void)http;
  (void)pthread_mutex_lock(&sink.lock);
  bool has = sink.room >= MKT_HTTP_SINK_PIECE;
  (void)pthread_mutex_unlock(&sink.lock);
  return has;
}

static void wake_by(mkt_http_sink *http, void (*wake)(void *of), void *of) {
  (void)http;
  (void)pthread_mutex_lock(&sink.lock);
  sink.wake = wake;
  sink.wake_of = of;
  (void)pthread_mutex_unlock(&sink.lock);
}

static mkt_http_exchange *start(size_t room) {
  static const mkt_http_sink_calls calls = {begin, take, has_room, wake_by};
  sink.http = (mkt_http_sink){.calls = &calls};
  sink.taken = sink.refused = 0;
  sink.room = room;
  sink.is_right = true;
  sink.is_over = false;
  sink.begin_fails = sink.take_fails = MKT_OK;
  mkt_http_request request = {.method = "GET", .url = server.url, .max_response = 1000};
  request.sink = &sink.http;
  mkt_http_exchange *exchange;
  assert_int_equal(mkt_http_start(&exchange, &request, NULL), MKT_OK);
  assert_true(sink.http.is_in_use);
  assert_non_null(sink.wake);
  return exchange;
}

static void wait_until_full(void) {
  while (sink.refused == 0)
    (void)mkt_http_poll(10);
}

static void expect_end(mkt_http_exchange *exchange, mkt_code code, const char *message) {
  mkt_error error;
  while (!mkt_http_is_done(exchange))
    (void)mkt_http_poll(LONG);
  assert_int_equal(mkt_http_result(exchange, &error), code);
  if (code != MKT_OK) assert_string_equal(error.message, message);
  assert_false(sink.http.is_in_use);
  assert_null(sink.wake);
  mkt_http_end(exchange);
}

/* ---- What is expected ---- */

/* Makes room whenever there is none. */
static void *make_room(void *of) {
  (void)pthread_mutex_lock(&sink.lock);
  while (!sink.is_over) {
    if (sink.room < MKT_HTTP_SINK_PIECE && sink.refused > 0) {
      sink.refused = 0;
      sink.room = MKT_HTTP_SINK_PIECE;
      if (sink.wake != NULL) sink.wake(sink.wake_of);
    }
    (void)pthread_cond_wait(&sink.filled, &sink.lock);
  }
  (void)pthread_mutex_unlock(&sink.lock);
  return of;
}

static void end_thread(pthread_t thread) {
  (void)pthread_mutex_lock(&sink.lock);
  sink.is_over = true;
  (void)pthread_cond_signal(&sink.filled);
  (void)pthread_mutex_unlock(&sink.lock);
  (void)pthread_join(thread, NULL);
}

static void waits_for_room_and_goes_on_when_it_is_woken(void **state) {
  (void)state;
  pthread_t thread;
  start_server(whole, 0);
  mkt_http_exchange *exchange = start(0);
  assert_int_equal(pthread_create(&thread, NULL, make_room, NULL), 0);
  expect_end(exchange, MKT_OK, NULL);
  end_thread(thread);
  assert_int_equal(sink.taken, SIZE);
  assert_true(sink.is_right);
  assert_int_equal(sink.length, SIZE);
}

static void tells_where_a_part_begins(void **state) {
  (void)state;
  start_server("HTTP/1.1 206 Partial\r\ncontent-range: Bytes 150000-199999/200000\r\n"
               "Connection: close\r\n\r\n",
               150000);
  mkt_http_exchange *exchange = start(SIZE);
  while (sink.taken < SIZE - 150000)
    (void)mkt_http_poll(10);
  assert_int_equal(sink.from, 150000);
  assert_true(sink.length == MKT_HTTP_SINK_LENGTH_UNKNOWN);
  assert_true(sink.is_right);
  mkt_http_end(exchange);
  assert_false(sink.http.is_in_use);
}

static void fails_as_the_sink_does(void **state) {
  (void)state;
  start_server(whole, 0);
  mkt_http_exchange *exchange = start(SIZE);
  sink.begin_fails = MKT_ERR_ASSET_SIZE;
  expect_end(exchange, MKT_ERR_ASSET_SIZE, "not this one");
  assert_int_equal(sink.taken, 0);
}

static void fails_as_the_sink_does_that_had_no_room(void **state) {
  (void)state;
  start_server(whole, 0);
  mkt_http_exchange *exchange = start(0);
  wait_until_full();
  sink.take_fails = MKT_ERR_DISK_FULL;
  sink.room = SIZE;
  expect_end(exchange, MKT_ERR_DISK_FULL, "no more");
  assert_int_equal(sink.taken, 0);
}

static void may_be_ended_while_there_is_no_room(void **state) {
  (void)state;
  start_server(whole, 0);
  mkt_http_exchange *exchange = start(0);
  wait_until_full();
  for (int i = 0; i < 3; i++)
    assert_int_equal(mkt_http_poll(0), 1); /* there is no room still */
  assert_int_equal(sink.refused, 1);
  mkt_http_end(exchange);
  assert_false(sink.http.is_in_use);
  assert_null(sink.wake);
  assert_int_equal(mkt_http_poll(0), 0);
  (void)stop_server(state);
  start_server(whole, 0);
  exchange = start(SIZE);
  expect_end(exchange, MKT_OK, NULL);
  assert_true(sink.is_right);
}

static void takes_no_other_answer(void **state) {
  (void)state;
  start_server("HTTP/1.1 203 Another\r\nContent-Length: 3\r\n\r\n", SIZE - 3);
  mkt_http_exchange *exchange = start(SIZE);
  while (!mkt_http_is_done(exchange))
    (void)mkt_http_poll(LONG);
  assert_int_equal(mkt_http_result(exchange, NULL), MKT_OK);
  assert_int_equal(mkt_http_body(exchange)->n, 3);
  assert_int_equal(sink.taken, 0);
  mkt_http_end(exchange);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(waits_for_room_and_goes_on_when_it_is_woken, stop_server),
      cmocka_unit_test_teardown(tells_where_a_part_begins, stop_server),
      cmocka_unit_test_teardown(fails_as_the_sink_does, stop_server),
      cmocka_unit_test_teardown(fails_as_the_sink_does_that_had_no_room, stop_server),
      cmocka_unit_test_teardown(may_be_ended_while_there_is_no_room, stop_server),
      cmocka_unit_test_teardown(takes_no_other_answer, stop_server),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
