#include "test/server_rig.h"

#include <signal.h>

static bool has_no_threads;
static sigset_t blocked_at_start;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *cls) {
  int (*original)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "pthread_create");
  (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked_at_start);
  return has_no_threads ? EAGAIN : original(thread, how, run, cls);
}

static const char READY[] = "GET /ready HTTP/1.1\r\nHost: a\r\n\r\n";

/* For as long as the front has the sockets. */
static void is_answered_by_the_front(void) {
  int fd = connect_client(LIVE);
  receive_text(fd, "HTTP/1.1 200 ");
  assert_int_equal(close(fd), 0);
}

/* What has woken it once does not keep it awake. */
static void leaves_the_sockets_to_the_front_while_the_owner_is_away(void **state) {
  (void)state;
  uint64_t wakes;
  be_late();
  for (int round = 0; round < 3; round++) {
    is_answered_by_the_front();
    (void)mkt_server_poll(server, 0);
  }
  is_answered_by_the_front();
  is_answered_by_the_front();
  assert_int_equal(read(server->front.wakes_fd, &wakes, sizeof wakes), -1);
}

/* They wait for nothing while they are awaited: that would keep the front from waiting itself. */
static void suspends_what_is_complete_while_the_owner_is_away(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  be_late();
  int fd = connect_client(REQUEST);
  while (suspended == 0)
    is_answered_by_the_front();
  is_late = false;
  mkt_server_answer(server, take_request(), &answer);
  mkt_server_flush(server);
  receive_text(fd, "HTTP/1.1 200 ");
  assert_int_equal(resumed, 1);
  assert_int_equal(close(fd), 0);
}

static void hands_out_together_what_came_while_the_owner_was_away(void **state) {
  (void)state;
  int fds[5];
  be_late();
  for (size_t i = 0; i < 5; i++)
    fds[i] = connect_client(REQUEST);
  while (suspended < 5)
    is_answered_by_the_front();
  assert_int_equal(longest_wait_of_poll(1000), 0);
  assert_int_equal(mkt_server_poll(server, 1000), 5); /* they were not taken */
  mkt_server_take(server);
  assert_int_equal(mkt_server_statistics(server).waiting, 5);
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(close(fds[i]), 0);
}

/* libmicrohttpd has read the second before the first is answered: no socket tells of it. */
static void answers_what_came_in_one_go_while_the_owner_is_away(void **state) {
  (void)state;
  int answered = 0;
  int fd = connect_client(LIVE);
  send_text(fd, "HEAD /live HTTP/1.1\r\nHost: a\r\n\r\nHEAD /live HTTP/1.1\r\nHost: a\r\n\r\n");
  be_late();
  for (char last = 0, byte; answered < 3; last = byte) {
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    if (last == 'O' && byte == 'K') answered++;
  }
  assert_int_equal(close(fd), 0);
}

static void gives_the_front_no_turn_once_the_owner_is_back(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  be_late();
  is_answered_by_the_front();
  is_late = false;
  int fd = connect_client("");
  for (int round = 0; round < 50; round++) {
    (void)mkt_server_poll(server, 0);
    send_text(fd, REQUEST);
    mkt_server_answer(server, take_request(), &answer);
    mkt_server_flush(server);
    receive_text(fd, "HTTP/1.1 200 ");
  }
  assert_int_equal(suspended, 0);
  assert_int_equal(close(fd), 0);
}

static void counts_what_comes_while_the_owner_is_away(void **state) {
  (void)state;
  be_late();
  for (uint64_t accepted = 1; accepted <= 20; accepted++) {
    int fd = connect_client("");
    while (mkt_server_statistics(server).accepted < accepted) {
    }
    assert_int_equal(close(fd), 0);
  }
}

static void keeps_deadlines_while_the_owner_is_away(void **state) {
  (void)state;
  char byte;
  int silent = connect_accepted();
  now += 10000;
  be_late();
  assert_int_equal(recv(silent, &byte, 1, 0), 0);
  assert_int_equal(close(silent), 0);
}

/* Each call of the owner's ends the front's turn, and each time it leaves the front is there. */
static void shares_the_sockets_with_the_front(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  int fd = connect_client("");
  be_late();
  for (int round = 0; round < 500; round++) {
    send_text(fd,
              round % 3 > 0 ? REQUEST : "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    mkt_handle handle = take_request();
    assert_true(mkt_server_is_waiting(server, handle));
    assert_int_equal(mkt_server_statistics(server).waiting, 1);
    mkt_server_answer(server, handle, &answer);
    if (round % 2 > 0) mkt_server_flush(server);
    receive_text(fd, "HTTP/1.1 200 ");
  }
  assert_int_equal(suspended, resumed);
  mkt_server_drain(server);
  assert_int_equal(close(fd), 0);
}

static void closes_while_the_front_has_the_sockets(void **state) {
  (void)state;
  be_late();
  int fd = connect_client(REQUEST);
  while (suspended == 0)
    is_answered_by_the_front();
  mkt_server_close(server);
  server = NULL;
  receive_text(fd, "HTTP/1.1 503 ");
  assert_int_equal(resumed, 1);
  assert_int_equal(close(fd), 0);
}

static void has_no_signal_handled_by_the_front(void **state) {
  (void)state;
  sigset_t blocked;
  for (int i = 1; i < 32; i++) {
    bool can_be = i != SIGKILL && i != SIGSTOP;
    if (can_be) assert_true(sigismember(&blocked_at_start, i));
  }
  (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  assert_false(sigismember(&blocked, SIGTERM));
}

static void does_not_open_without_a_thread(void **state) {
  (void)state;
  const int before = responses;
  mkt_server *none = NULL;
  mkt_error error;
  has_no_threads = true;
  mkt_code code = mkt_server_open(&none, &OPTIONS, &error);
  has_no_threads = false;
  assert_int_equal(code, MKT_ERR_LISTEN_FAILED);
  assert_null(none);
  assert_string_equal(error.message, "cannot start a thread for the sockets: "
                                     "Resource temporarily unavailable");
  assert_int_equal(responses, before);
}

static void run_until_received(int fd, const char *start) {
  struct pollfd polled = {.fd = fd, .events = POLLIN};
  while (poll(&polled, 1, 0) == 0)
    assert_int_equal(mkt_server_poll(server, 0), 0);
  receive_text(fd, start);
}

static void run_until_closed(int fd) {
  char byte;
  struct pollfd polled = {.fd = fd, .events = POLLIN};
  while (poll(&polled, 1, 0) == 0)
    assert_int_equal(mkt_server_poll(server, 0), 0);
  assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void says_itself_that_it_lives(void **state) {
  (void)state;
  int fd = connect_client("");
  for (int round = 0; round < 2; round++) {
    send_text(fd, LIVE);
    run_until_received(fd, "HTTP/1.1 200 OK\r\n");
  }
  send_text(fd, "HEAD /live HTTP/1.1\r\nHost: a\r\n\r\n");
  run_until_received(fd, "HTTP/1.1 200 OK\r\n");
  assert_int_equal(mkt_server_statistics(server).waiting, 0);
  assert_int_equal(close(fd), 0);
}

static void says_itself_that_it_is_stopping(void **state) {
  (void)state;
  int fd = connect_client("GET /live HTTP/1.1\r\nHo");
  while (server->connections.timed[MKT_PHASE_HEADERS].first == NULL)
    (void)mkt_server_poll(server, 0);
  mkt_server_drain(server);
  send_text(fd, "st: a\r\n\r\n");
  run_until_received(fd, "HTTP/1.1 503 ");
  run_until_closed(fd);
  assert_int_equal(close(fd), 0);
}

static void reads_nothing_behind_chunks(void **state) {
  (void)state;
  int fd = connect_client("GET /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "0\r\n\r\n");
  run_until_received(fd, "HTTP/1.1 200 ");
  run_until_closed(fd);
  assert_int_equal(close(fd), 0);
}

static void leaves_what_is_no_get_and_no_health_to_the_owner(void **state) {
  (void)state;
  static const char *const requests[] = {
      "PUT /live HTTP/1.1\r\nHost: a\r\n\r\n", "GET /livelier HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /liv HTTP/1.1\r\nHost: a\r\n\r\n", "POST /ready HTTP/1.1\r\nHost: a\r\n\r\n", READY};
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
    int fd = connect_client(requests[i]);
    (void)take_request();
    assert_int_equal(close(fd), 0);
  }
}

static void answers_for_an_owner_who_does_not_say_that_it_is_ready(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = ""};
  char byte;
  for (int is_taken = 0; is_taken < 2; is_taken++) {
    int fd = connect_client(READY);
    poll_until_ready();
    mkt_handle handle = mkt_request_handle(mkt_server_ready(server));
    if (is_taken) mkt_server_take(server);
    assert_int_equal(longest_wait_of_poll(10000), is_taken ? MKT_READY_TIME : 0);
    now += MKT_READY_TIME;
    be_late();
    receive_text(fd, "HTTP/1.1 503 ");
    mkt_wait_for_bytes(fd);
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    is_late = false;
    assert_int_equal(mkt_server_poll(server, 0), !is_taken);
    if (!is_taken) mkt_server_take(server);
    assert_true(mkt_server_is_waiting(server, handle));
    mkt_server_answer(server, handle, &answer);
    assert_int_equal(mkt_server_statistics(server).waiting, 0);
    assert_int_equal(close(fd), 0);
  }
}

static void passes_on_that_its_owner_is_ready(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  int fd = connect_client(READY);
  mkt_handle handle = take_request();
  now += MKT_READY_TIME - 1;
  (void)mkt_server_poll(server, 0);
  mkt_server_answer(server, handle, &answer);
  run_until_received(fd, "HTTP/1.1 200 ");
  now += 1;
  assert_int_equal(longest_wait_of_poll(100000), OPTIONS.idle_timeout - 1);
  assert_int_equal(close(fd), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(leaves_the_sockets_to_the_front_while_the_owner_is_away),
      TEST(suspends_what_is_complete_while_the_owner_is_away),
      TEST(hands_out_together_what_came_while_the_owner_was_away),
      TEST(answers_what_came_in_one_go_while_the_owner_is_away),
      TEST(gives_the_front_no_turn_once_the_owner_is_back),
      TEST(counts_what_comes_while_the_owner_is_away),
      TEST(keeps_deadlines_while_the_owner_is_away),
      TEST(shares_the_sockets_with_the_front),
      TEST(closes_while_the_front_has_the_sockets),
      TEST(says_itself_that_it_lives),
      TEST(says_itself_that_it_is_stopping),
      TEST(reads_nothing_behind_chunks),
      TEST(leaves_what_is_no_get_and_no_health_to_the_owner),
      TEST(answers_for_an_owner_who_does_not_say_that_it_is_ready),
      TEST(passes_on_that_its_owner_is_ready),
      TEST(has_no_signal_handled_by_the_front),
      TEST(does_not_open_without_a_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
