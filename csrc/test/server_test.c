#include "server/internal.h"
#include "test/support.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The server's clock stands still. */
static _Atomic uint64_t now;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int clock_gettime(clockid_t clock, struct timespec *time) {
  (void)clock;
  const uint64_t at = now;
  *time = (struct timespec){(time_t)(at / 1000), (long)(at % 1000) * 1000000};
  return 0;
}

/* The owner is never late for the front, or always. */
static atomic_bool is_late;

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                           const struct timespec *until) {
  (void)until;
  return is_late ? ETIMEDOUT : pthread_cond_wait(condition, lock);
}

static bool has_no_threads;
static sigset_t blocked_at_start;

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *cls) {
  int (*original)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "pthread_create");
  (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked_at_start);
  return has_no_threads ? EAGAIN : original(thread, how, run, cls);
}

/* How long libmicrohttpd was told to wait, which it does not. */
static atomic_int longest_wait;

enum MHD_Result MHD_run_wait(struct MHD_Daemon *daemon, int32_t milliseconds) {
  enum MHD_Result (*original)(struct MHD_Daemon *, int32_t) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "MHD_run_wait");
  if (milliseconds > longest_wait) longest_wait = milliseconds;
  return original(daemon, 0);
}

/* Calls of libmicrohttpd's functions. */
static atomic_int suspended, resumed, responses;

/* How many responses memory suffices for; -1: all. */
static int responses_left = -1;

void MHD_suspend_connection(struct MHD_Connection *mhd) {
  void (*original)(struct MHD_Connection *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "MHD_suspend_connection");
  suspended++;
  original(mhd);
}

void MHD_resume_connection(struct MHD_Connection *mhd) {
  void (*original)(struct MHD_Connection *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "MHD_resume_connection");
  resumed++;
  original(mhd);
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *bytes,
                                                     enum MHD_ResponseMemoryMode mode) {
  struct MHD_Response *(*original)(size_t, void *, enum MHD_ResponseMemoryMode) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "MHD_create_response_from_buffer");
  if (responses_left == 0) return NULL;
  if (responses_left > 0) responses_left--;
  responses++;
  return original(size, bytes, mode);
}

void MHD_destroy_response(struct MHD_Response *response) {
  void (*original)(struct MHD_Response *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "MHD_destroy_response");
  responses--;
  original(response);
}

static const mkt_server_options OPTIONS = {
    .host = "127.0.0.1",
    .max_body = 4,
    .max_buffered = 100,
    .max_connections = 8,
    .max_header_bytes = MKT_HEADER_BYTES_LEAST,
    .header_timeout = 10000,
    .body_timeout = 30000,
    .idle_timeout = 60000,
};

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char TOO_LARGE[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

static mkt_server *server;

static int open_server(void **state) {
  mkt_error error;
  (void)state;
  now = 1000000;
  suspended = resumed = 0;
  is_late = false;
  return mkt_server_open(&server, &OPTIONS, &error) == MKT_OK ? 0 : -1;
}

static int close_server(void **state) {
  (void)state;
  mkt_server_close(server);
  server = NULL;
  return responses; /* each was given back */
}

static void be_late(void) {
  is_late = true;
  (void)pthread_mutex_lock(&server->front.lock);
  (void)pthread_cond_signal(&server->front.is_awaited);
  (void)pthread_mutex_unlock(&server->front.lock);
}

static int longest_wait_of_poll(int milliseconds) {
  longest_wait = 0;
  (void)mkt_server_poll(server, milliseconds);
  return longest_wait;
}

static void send_text(int fd, const char *text) {
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static int connect_client(const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(mkt_server_port(server));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  send_text(fd, text);
  return fd;
}

/* A client that has said nothing. */
static int connect_accepted(void) {
  size_t before = server->connections.kept;
  int fd = connect_client("");
  while (server->connections.kept == before)
    (void)mkt_server_poll(server, 0);
  return fd;
}

static void wait_for_bytes(int fd) {
  struct pollfd polled = {.fd = fd, .events = POLLIN};
  assert_int_equal(poll(&polled, 1, -1), 1);
}

static void poll_until_ready(void) {
  while (mkt_server_poll(server, 0) == 0) {
  }
}

static mkt_handle take_request(void) {
  poll_until_ready();
  mkt_handle handle = mkt_request_handle(mkt_server_ready(server));
  mkt_server_take(server);
  return handle;
}

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
    wait_for_bytes(fd);
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
  wait_for_bytes(mkt_requests_find(&server->requests, handle)->connection->fd);
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
  wait_for_bytes(connection->fd);
  mkt_server_answer(server, handle, &answer);
  while (server->connections.kept > 0)
    (void)mkt_server_poll(server, 0);
}

/* libmicrohttpd ends the process if it is stopped while a connection is suspended. */
static void closes_while_a_request_is_refused(void **state) {
  (void)state;
  int fd = connect_accepted();
  send_text(fd, TOO_LARGE);
  wait_for_bytes(server->connections.timed[MKT_PHASE_FRESH].first->fd);
  mkt_server_close(server);
  server = NULL;
  assert_int_equal(suspended, 1);
  assert_int_equal(resumed, 1);
  assert_int_equal(close(fd), 0);
}

static void does_not_open_without_memory_for_its_own_answers(void **state) {
  (void)state;
  const int before = responses;
  mkt_server *none = NULL;
  mkt_error error;
  responses_left = 0;
  mkt_code code = mkt_server_open(&none, &OPTIONS, &error);
  responses_left = -1;
  assert_int_equal(code, MKT_ERR_OUT_OF_MEMORY);
  assert_null(none);
  assert_int_equal(responses, before);
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
  enum { NEEDED = 8 + 64 + 64 + 64 };
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

static void receive_text(int fd, const char *start) {
  char bytes[1024];
  wait_for_bytes(fd);
  ssize_t n = recv(fd, bytes, sizeof bytes, 0);
  assert_true(n >= (ssize_t)strlen(start));
  assert_memory_equal(bytes, start, strlen(start));
}

/* Of a client that has nothing to say, so that its end needs no answer of the owner's. */
static void is_ended_by_the_front(void) {
  char byte;
  int fd = connect_client("");
  assert_int_equal(shutdown(fd, SHUT_WR), 0);
  wait_for_bytes(fd);
  assert_int_equal(recv(fd, &byte, 1, 0), 0);
  assert_int_equal(close(fd), 0);
}

static void leaves_the_sockets_to_the_front_while_the_owner_is_away(void **state) {
  (void)state;
  be_late();
  for (int round = 0; round < 3; round++) {
    is_ended_by_the_front();
    (void)mkt_server_poll(server, 0);
  }
}

/* They wait for nothing while they are awaited: that would keep the front from waiting itself. */
static void suspends_what_is_complete_while_the_owner_is_away(void **state) {
  (void)state;
  const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  be_late();
  int fd = connect_client(REQUEST);
  while (suspended == 0)
    is_ended_by_the_front();
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
    is_ended_by_the_front();
  assert_int_equal(mkt_server_poll(server, 1000), 5);
  assert_int_equal(mkt_server_poll(server, 1000), 5); /* they were not taken */
  mkt_server_take(server);
  assert_int_equal(mkt_server_statistics(server).waiting, 5);
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(close(fds[i]), 0);
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
    is_ended_by_the_front();
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
      TEST(leaves_the_sockets_to_the_front_while_the_owner_is_away),
      TEST(suspends_what_is_complete_while_the_owner_is_away),
      TEST(hands_out_together_what_came_while_the_owner_was_away),
      TEST(counts_what_comes_while_the_owner_is_away),
      TEST(keeps_deadlines_while_the_owner_is_away),
      TEST(shares_the_sockets_with_the_front),
      TEST(closes_while_the_front_has_the_sockets),
      TEST(has_no_signal_handled_by_the_front),
      TEST(does_not_open_without_a_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
