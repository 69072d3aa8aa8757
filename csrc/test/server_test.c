#include "server/internal.h"
#include "test/support.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The server's clock stands still. */
static uint64_t now;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int clock_gettime(clockid_t clock, struct timespec *time) {
  (void)clock;
  *time = (struct timespec){(time_t)(now / 1000), (long)(now % 1000) * 1000000};
  return 0;
}

/* How long libmicrohttpd was told to wait, which it does not. */
static int longest_wait;

enum MHD_Result MHD_run_wait(struct MHD_Daemon *daemon, int32_t milliseconds) {
  enum MHD_Result (*original)(struct MHD_Daemon *, int32_t) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "MHD_run_wait");
  if (milliseconds > longest_wait) longest_wait = milliseconds;
  return original(daemon, 0);
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

static mkt_server *server;

static int open_server(void **state) {
  mkt_error error;
  (void)state;
  now = 1000000;
  return mkt_server_open(&server, &OPTIONS, &error) == MKT_OK ? 0 : -1;
}

static int close_server(void **state) {
  (void)state;
  mkt_server_close(server);
  return 0;
}

static int longest_wait_of_poll(int milliseconds) {
  longest_wait = 0;
  (void)mkt_server_poll(server, milliseconds);
  return longest_wait;
}

static int connect_client(const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(mkt_server_port(server));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
  return fd;
}

static mkt_handle take_request(void) {
  while (mkt_server_poll(server, 0) == 0) {
  }
  mkt_handle handle = mkt_request_handle(mkt_server_ready(server));
  mkt_server_take(server);
  return handle;
}

/* The client of a socket that lingers, as its body is refused before it is sent. */
static int connect_lingerer(void) {
  const mkt_answer refusal = {.status = 413, .body = ""};
  int fd = connect_client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
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
  int fd = connect_client("");
  while (server->connections.kept == 0)
    (void)mkt_server_poll(server, 0);
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
  int fd = connect_client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  while (mkt_server_poll(server, 0) == 0) {
  }
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
  int fd = connect_client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  (void)take_request();
  assert_int_equal(server->linger.count, 1);
  assert_int_equal(longest_wait_of_poll(1000), 1000);
  assert_int_equal(close(fd), 0);
  assert_int_equal(close(lingerer), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(waits_as_long_as_it_is_told),
      TEST(waits_until_the_next_deadline),
      TEST(does_not_wait_with_a_request_that_is_ready),
      TEST(waits_for_a_lingering_socket_beside_libmicrohttpd),
      TEST(leaves_the_wait_to_libmicrohttpd_that_has_work),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
