#include "test/server_rig.h"

#include "server/refuse.h"

#include <stdlib.h>

static const char READY[] = HEAD("GET /ready") "\r\n";
static const char ELSEWHERE[] = HEAD("GET /x") "\r\n";
static const char UNSIGNED[] = HEAD("POST /hook") "Content-Length: 1\r\n\r\nx";

static int open_at(const char *path) {
  mkt_error error;
  mkt_server_options options = OPTIONS;
  options.path = path;
  now = 1000000;
  suspended = resumed = 0;
  is_late = false;
  return mkt_server_open(&server, &options, &error) == MKT_OK ? 0 : -1;
}

static int open_at_hook(void **state) {
  (void)state;
  return open_at("/hook");
}

static int open_at_root(void **state) {
  (void)state;
  return open_at("/");
}

static void refuses_what_cannot_be_a_notification(void **state) {
  (void)state;
  static const struct {
    const char *request, *start;
  } cases[] = {
      {ELSEWHERE, "HTTP/1.1 404 "},
      {SIGNED("/hooks"), "HTTP/1.1 404 "},
      {SIGNED("/hook//"), "HTTP/1.1 404 "},
      {HEAD("PUT /live") "\r\n", "HTTP/1.1 405 "},
      {HEAD("GET /hook") "\r\n", "HTTP/1.1 405 "},
      {HEAD("POST /hook") SIGNATURE "\r\n", "HTTP/1.1 411 "},
      {HEAD("POST /hook") SIGNATURE "Content-Length: 5\r\n\r\n", "HTTP/1.1 413 "},
      {HEAD("POST /hook") SIGNATURE "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
       "HTTP/1.1 415 "},
      {UNSIGNED, "HTTP/1.1 401 "},
      {HEAD("POST /hook/") SIGNATURE SIGNATURE "Content-Length: 0\r\n\r\n", "HTTP/1.1 401 "},
      {HEAD("POST /hook") "Host: b\r\n\r\n", "HTTP/1.1 400 "},
      {HEAD("GET /live") "Content-Length: 1\r\n\r\nx", "HTTP/1.1 200 "},
  };
  const size_t count = sizeof cases / sizeof cases[0];
  be_late();
  for (size_t i = 0; i < count; i++)
    ask_once(cases[i].request, cases[i].start);
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), count - 1);
  const mkt_request *request = mkt_server_ready(server);
  for (size_t i = 0; i < count - 1; i++, request = mkt_request_next(request)) {
    const unsigned status = (unsigned)strtoul(cases[i].start + strlen("HTTP/1.1 "), NULL, 10);
    assert_int_equal(mkt_request_answered(request), status);
  }
  assert_int_equal(mkt_server_refused(server).all, 0);
}

static void hands_out_the_first_of_a_kind_and_counts_the_rest(void **state) {
  (void)state;
  enum { MORE = 4 };
  be_late();
  int fd = connect_client("");
  for (int i = 0; i < MKT_REFUSED_SHOWN + MORE; i++) {
    send_text(fd, ELSEWHERE);
    receive_text(fd, "HTTP/1.1 404 ");
  }
  ask_once(UNSIGNED, "HTTP/1.1 401 ");
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), MKT_REFUSED_SHOWN + 1);
  assert_int_equal(mkt_server_statistics(server).waiting, MKT_REFUSED_SHOWN + 1);
  const mkt_refused refused = mkt_server_refused(server);
  assert_int_equal(refused.all, MORE);
  assert_int_equal(refused.of_kind[MKT_REFUSAL_NOT_FOUND], MORE);
  assert_string_equal(mkt_refusal_code(MKT_REFUSAL_NOT_FOUND), "not_found");
  assert_int_equal(mkt_refusal_status(MKT_REFUSAL_NOT_FOUND), 404);
  mkt_server_take(server);
  be_late();
  send_text(fd, ELSEWHERE);
  receive_text(fd, "HTTP/1.1 404 ");
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), 1);
  assert_int_equal(close(fd), 0);
}

/* It came while the owner sent answers, just before he went. */
static void refuses_what_was_there_before_the_owner_went(void **state) {
  (void)state;
  int fd = connect_client(ELSEWHERE);
  while (server->ready.count == 0)
    mkt_server_flush(server);
  be_late();
  receive_text(fd, "HTTP/1.1 404 ");
  assert_int_equal(close(fd), 0);
}

static void closes_a_connection_without_memory_for_its_refusal(void **state) {
  (void)state;
  char byte;
  int fd = connect_client("");
  responses_left = 0;
  be_late();
  send_text(fd, ELSEWHERE);
  assert_int_equal(recv(fd, &byte, 1, 0), 0);
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), 1);
  responses_left = -1;
  assert_int_equal(close(fd), 0);
}

static void answers_at_once_whatever_it_can_while_all_connections_wait(void **state) {
  (void)state;
  enum { ALL = 8, MANY = 100 };
  const mkt_answer stored = {.status = 200, .body = ""};
  int fds[ALL];
  mkt_handle handles[ALL];
  be_late();
  connect_all(fds, ALL, SIGNED("/hook"));
  for (int i = 0; i < MANY; i++) {
    ask_once(LIVE, "HTTP/1.1 200 ");
    ask_once(READY, "HTTP/1.1 503 ");
    ask_once(UNSIGNED, "HTTP/1.1 401 ");
    ask_once(SIGNED("/hook"), "HTTP/1.1 503 ");
  }
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), ALL + 2 * MKT_REFUSED_SHOWN);
  assert_int_equal(count_handed_out(MKT_FAULT_NONE), ALL);
  assert_int_equal(count_handed_out(MKT_FAULT_OVERLOADED), MKT_REFUSED_SHOWN);
  const mkt_request *request = mkt_server_ready(server);
  for (size_t i = 0; i < ALL; i++, request = mkt_request_next(request))
    handles[i] = mkt_request_handle(request);
  mkt_server_take(server);
  for (size_t i = 0; i < ALL; i++)
    mkt_server_answer(server, handles[i], &stored);
  mkt_server_flush(server);
  for (size_t i = 0; i < ALL; i++)
    receive_text(fds[i], "HTTP/1.1 200 ");
  close_all(fds, ALL);
}

static void has_a_probe_that_waits_make_room(void **state) {
  (void)state;
  enum { ALL = 8 };
  int fds[ALL], signed_one;
  be_late();
  connect_all(fds, ALL, READY);
  connect_all(&signed_one, 1, SIGNED("/hook"));
  receive_text(fds[0], "HTTP/1.1 503 ");
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), ALL);
  assert_int_equal(count_handed_out(MKT_FAULT_NONE), ALL);
  close_all(fds, ALL);
  close_all(&signed_one, 1);
}

static void has_silent_ones_make_room(void **state) {
  (void)state;
  enum { ALL = 8 };
  int fds[ALL], signed_ones[ALL];
  for (int i = 0; i < ALL; i++)
    fds[i] = connect_accepted();
  now += 1000;
  be_late();
  connect_all(signed_ones, ALL, SIGNED("/hook"));
  ask_once(SIGNED("/hook"), "HTTP/1.1 503 ");
  for (int i = 0; i < ALL; i++) {
    char byte;
    assert_int_equal(recv(fds[i], &byte, 1, 0), 0);
  }
  close_all(fds, ALL);
  close_all(signed_ones, ALL);
}

/* Whoever asks again and again whether it is ready leaves nothing of that behind. */
static void hands_out_no_probe_that_has_its_answer(void **state) {
  (void)state;
  be_late();
  ask_once(ELSEWHERE, "HTTP/1.1 404 ");
  for (int i = 0; i < 50; i++) {
    int fd;
    connect_all(&fd, 1, READY);
    now += MKT_READY_TIME;
    ask_once(LIVE, "HTTP/1.1 200 ");
    receive_text(fd, "HTTP/1.1 503 ");
    assert_int_equal(close(fd), 0);
  }
  ask_once(LIVE, "HTTP/1.1 200 ");
  is_late = false;
  assert_int_equal(mkt_server_poll(server, 0), 1);
  assert_int_equal(mkt_server_refused(server).all, 0);
}

static void takes_no_other_path_for_the_root(void **state) {
  (void)state;
  int fd;
  be_late();
  ask_once(SIGNED("//"), "HTTP/1.1 404 ");
  connect_all(&fd, 1, SIGNED("/"));
  close_all(&fd, 1);
}

#define AT_HOOK(name) cmocka_unit_test_setup_teardown(name, open_at_hook, close_server)
#define AT_ROOT(name) cmocka_unit_test_setup_teardown(name, open_at_root, close_server)

int main(void) {
  const struct CMUnitTest tests[] = {
      AT_HOOK(refuses_what_cannot_be_a_notification),
      AT_HOOK(hands_out_the_first_of_a_kind_and_counts_the_rest),
      AT_HOOK(refuses_what_was_there_before_the_owner_went),
      AT_HOOK(closes_a_connection_without_memory_for_its_refusal),
      AT_HOOK(answers_at_once_whatever_it_can_while_all_connections_wait),
      AT_HOOK(has_a_probe_that_waits_make_room),
      AT_HOOK(has_silent_ones_make_room),
      AT_HOOK(hands_out_no_probe_that_has_its_answer),
      AT_ROOT(takes_no_other_path_for_the_root),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
