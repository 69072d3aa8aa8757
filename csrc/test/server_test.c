#include "test/server_rig.h"

#include <fcntl.h>
#include <sys/resource.h>

static const char TOO_LARGE[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

/* The client of a socket that lingers, as its body is refused before it is sent. */
static int connect_lingerer(void) {
  const mkt_answer refusal = {.status = 413, .body = ""};
  int fd = connect_client(TOO_LARGE);
  mkt_server_answer(server, take_request(), &refusal);
  while (server->linger.count == 0)
    (void)mkt_server_poll(server, 0);
  return fd;
}

static void waits_as_long_as_it_is_told(void **state) {
  (void)state;
  assert_int_equal(longest_wait_of_poll(0), 0);
  assert_int_equal(longest_wait_of_poll(86400000), 86400000);
}

static void waits_until_the_next_deadline(void **state) {
  (void)state;
  int fd = connect_accepted();
  assert_int_equal(longest_wait_of_poll(9999), 9999);
  assert_int_equal(longest_wait_of_poll(10001), 10000);
  now += 9999;
  assert_int_equal(longest_wait_of_poll(10001), 1);
  now += 1;
  assert_int_equal(longest_wait_of_poll(10001), 0);
  assert_int_equal(close(fd), 0);
}

static void does_not_wait_with_a_request_that_is_ready(void **state) {
  (void)state;
  int fd = connect_client(REQUEST);
  poll_until_ready();
  assert_int_equal(longest_wait_of_poll(1000), 0);
  mkt_server_take(server);
  assert_int_equal(longest_wait_of_poll(1000), 1000);
  assert_int_equal(close(fd), 0);
}

/* Without a limit of time: the wait beside libmicrohttpd ends because of the socket, or never. */
static void waits_for_a_lingering_socket_beside_libmicrohttpd(void **state) {
  (void)state;
  int fd = connect_lingerer();
  server->linger.sockets[0].deadline = UINT64_MAX;
  assert_int_equal(close(fd), 0);
  assert_int_equal(longest_wait_of_poll(INT32_MAX), 0);
  assert_int_equal(server->linger.count, 0);
  assert_int_equal(longest_wait_of_poll(INT32_MAX), INT32_MAX);
}

/* Until a request that was taken is answered or set aside, its connection is work. */
static void leaves_the_wait_to_libmicrohttpd_that_has_work(void **state) {
  (void)state;
  int lingerer = connect_lingerer();
  int fd = connect_client(REQUEST);
  (void)take_request();
  assert_int_equal(server->linger.count, 1);
  assert_int_equal(longest_wait_of_poll(1000), 1000);
  assert_int_equal(close(fd), 0);
  assert_int_equal(close(lingerer), 0);
}

static void suspends_only_what_a_poll_finds_unanswered(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  int fd = -1;
  for (int round = 0; round < 4; round++) {
    bool is_slow = round % 2 == 1;
    suspended = resumed = 0;
    if (round == 0) fd = connect_client(REQUEST);
    if (round > 0) send_text(fd, REQUEST);
    mkt_handle handle = take_request();
    if (is_slow) (void)mkt_server_poll(server, 0);
    mkt_server_answer(server, handle, &answer);
    mkt_server_flush(server);
    assert_int_equal(suspended, is_slow);
    assert_int_equal(resumed, is_slow);
  }
  assert_int_equal(close(fd), 0);
}

static void sends_what_was_answered_without_another_poll(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  int fd = connect_client(REQUEST);
  for (int round = 0; round < 2; round++) {
    char bytes[1024];
    mkt_handle handle = take_request();
    if (round == 1) (void)mkt_server_poll(server, 0);
    mkt_server_answer(server, handle, &answer);
    mkt_server_flush(server);
    mkt_wait_for_bytes(fd);
    assert_true(recv(fd, bytes, sizeof bytes, 0) > 0);
    send_text(fd, REQUEST);
  }
  assert_int_equal(close(fd), 0);
}

static void keeps_nothing_of_a_request_that_was_taken(void **state) {
  (void)state;
  int fd = connect_client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
  poll_until_ready();
  const mkt_request *request = mkt_server_ready(server);
  assert_int_equal(mkt_request_body(request).n, 4);
  mkt_server_take(server);
  assert_null(mkt_server_ready(server));
  assert_int_equal(request->text.n, 0);
  assert_int_equal(request->body.n, 0);
  assert_int_equal(mkt_server_statistics(server).buffered, 4);
  assert_int_equal(close(fd), 0);
}

static void answers_only_what_was_taken(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = ""};
  int fd = connect_client(REQUEST);
  poll_until_ready();
  mkt_handle handle = mkt_request_handle(mkt_server_ready(server));
  mkt_server_answer(server, handle, &answer);
  mkt_server_answer(server, handle + 1, &answer);
  assert_false(mkt_server_is_waiting(server, handle));
  assert_int_equal(mkt_server_statistics(server).waiting, 1);
  mkt_server_take(server);
  assert_true(mkt_server_is_waiting(server, handle));
  mkt_server_answer(server, handle, &answer);
  assert_false(mkt_server_is_waiting(server, handle));
  assert_int_equal(mkt_server_statistics(server).waiting, 0);
  assert_int_equal(close(fd), 0);
}

/* Of a socket that lingers, so that there is no room for another one. */
static void fill_linger(void) {
  mkt_linger *linger = &server->linger;
  linger->sockets[0].deadline = UINT64_MAX;
  while (linger->count < MKT_LINGER_MOST) {
    linger->sockets[linger->count] = linger->sockets[0];
    linger->sockets[linger->count++].fd = fcntl(linger->sockets[0].fd, F_DUPFD_CLOEXEC, 0);
  }
}

static void has_none_make_room_for_one_that_gets_no_answer(void **state) {
  (void)state;
  const mkt_answer nothing = {.status = MKT_STATUS_NO_ANSWER, .body = ""};
  char byte;
  int lingerer = connect_lingerer();
  fill_linger();
  int fd = connect_client(TOO_LARGE);
  mkt_handle handle = take_request();
  send_text(fd, "more than is read");
  mkt_wait_for_bytes(mkt_requests_find(&server->requests, handle)->connection->fd);
  mkt_server_answer(server, handle, &nothing);
  assert_true(recv(fd, &byte, 1, 0) <= 0);
  for (int i = 0; i < 3; i++)
    (void)mkt_server_poll(server, 0);
  assert_int_equal(server->linger.count, MKT_LINGER_MOST);
  assert_int_equal(close(fd), 0);
  assert_int_equal(close(lingerer), 0);
}

/* The answer was taken for the connection, and libmicrohttpd never asked for it. */
static void gives_back_the_answer_of_a_client_that_is_gone(void **state) {
  (void)state;
  const struct linger at_once = {.l_onoff = 1};
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  int fd = connect_client(REQUEST);
  mkt_handle handle = take_request();
  (void)mkt_server_poll(server, 0);
  const mkt_connection *connection = mkt_requests_find(&server->requests, handle)->connection;
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  assert_int_equal(close(fd), 0);
  mkt_wait_for_bytes(connection->fd);
  mkt_server_answer(server, handle, &answer);
  while (server->connections.kept > 0)
    (void)mkt_server_poll(server, 0);
}

/* libmicrohttpd ends the process if it is stopped while a connection is suspended. */
static void closes_while_a_request_is_refused(void **state) {
  (void)state;
  int fd = connect_accepted();
  send_text(fd, TOO_LARGE);
  mkt_wait_for_bytes(server->connections.timed[MKT_PHASE_FRESH].first->fd);
  mkt_server_close(server);
  server = NULL;
  assert_int_equal(suspended, 1);
  assert_int_equal(resumed, 1);
  assert_int_equal(close(fd), 0);
}

static void does_not_open_without_memory_for_its_own_answers(void **state) {
  (void)state;
  const int before = responses;
  for (int enough_for = 0; enough_for < 4; enough_for++) {
    mkt_server *none = NULL;
    mkt_error error;
    responses_left = enough_for;
    mkt_code code = mkt_server_open(&none, &OPTIONS, &error);
    responses_left = -1;
    assert_int_equal(code, MKT_ERR_OUT_OF_MEMORY);
    assert_null(none);
    assert_int_equal(responses, before);
  }
}

static void closes_a_connection_without_memory_for_its_answer(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  char byte;
  int fd = connect_client(REQUEST);
  mkt_handle handle = take_request();
  responses_left = 0;
  mkt_server_answer(server, handle, &answer);
  responses_left = -1;
  assert_int_equal(recv(fd, &byte, 1, 0), 0);
  assert_int_equal(mkt_server_statistics(server).connections, 0);
  assert_int_equal(close(fd), 0);
}

static void leaves_no_file_open_if_it_cannot_start(void **state) {
  (void)state;
  enum { NEEDED = 8 + MKT_SERVER_BEYOND + 64 + 64 + 64 };
  int files[NEEDED] = {0}, count = 0;
  struct rlimit before;
  mkt_server *none = NULL;
  mkt_error error;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit few = {.rlim_cur = NEEDED, .rlim_max = before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  while ((files[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    count++;
  assert_int_equal(close(files[--count]), 0); /* room for the socket, and for nothing else */
  assert_int_equal(mkt_server_open(&none, &OPTIONS, &error), MKT_ERR_LISTEN_FAILED);
  files[count] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  assert_true(files[count] >= 0);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  for (int i = 0; i <= count; i++)
    assert_int_equal(close(files[i]), 0);
  assert_null(none);
  assert_string_equal(error.message, "libmicrohttpd cannot start: Too many open files");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(waits_as_long_as_it_is_told),
      TEST(waits_until_the_next_deadline),
      TEST(does_not_wait_with_a_request_that_is_ready),
      TEST(waits_for_a_lingering_socket_beside_libmicrohttpd),
      TEST(leaves_the_wait_to_libmicrohttpd_that_has_work),
      TEST(suspends_only_what_a_poll_finds_unanswered),
      TEST(sends_what_was_answered_without_another_poll),
      TEST(keeps_nothing_of_a_request_that_was_taken),
      TEST(answers_only_what_was_taken),
      TEST(has_none_make_room_for_one_that_gets_no_answer),
      TEST(gives_back_the_answer_of_a_client_that_is_gone),
      TEST(closes_while_a_request_is_refused),
      TEST(does_not_open_without_memory_for_its_own_answers),
      TEST(closes_a_connection_without_memory_for_its_answer),
      TEST(leaves_no_file_open_if_it_cannot_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
