/* server_rig.h: a server of which a test runs the sockets, and its clients. For a program of tests
 * of the server: its functions take the place of the system's and of libmicrohttpd's. */
#ifndef MKT_SERVER_RIG_H
#define MKT_SERVER_RIG_H

#include "server/internal.h"
#include "test/support.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
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

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock,
                           const struct timespec *until) {
  (void)until;
  return is_late ? ETIMEDOUT : pthread_cond_wait(condition, lock);
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
    .live_path = "/live",
    .ready_path = "/ready",
};

#define SIGNATURE                                                                                  \
  "X-Apple-Signature: hmacsha256="                                                                 \
  "0000000000000000000000000000000000000000000000000000000000000000\r\n"

#define HEAD(line) line " HTTP/1.1\r\nHost: a\r\n"
#define SIGNED(path) HEAD("POST " path) SIGNATURE "Content-Length: 1\r\n\r\nx"

static const char LIVE[] = HEAD("GET /live?x") "\r\n";
static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static mkt_server *server;

static inline int open_server(void **state) {
  mkt_error error;
  (void)state;
  now = 1000000;
  suspended = resumed = 0;
  is_late = false;
  return mkt_server_open(&server, &OPTIONS, &error) == MKT_OK ? 0 : -1;
}

static inline int close_server(void **state) {
  (void)state;
  mkt_server_close(server);
  server = NULL;
  return responses; /* each was given back */
}

static inline void be_late(void) {
  is_late = true;
  (void)pthread_mutex_lock(&server->front.lock);
  (void)pthread_cond_signal(&server->front.is_awaited);
  (void)pthread_mutex_unlock(&server->front.lock);
}

static inline int longest_wait_of_poll(int milliseconds) {
  longest_wait = 0;
  (void)mkt_server_poll(server, milliseconds);
  return longest_wait;
}

static inline void send_text(int fd, const char *text) {
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static inline int connect_client(const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(mkt_server_port(server));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  send_text(fd, text);
  return fd;
}

/* A client that has said nothing. */
static inline int connect_accepted(void) {
  size_t before = server->connections.kept;
  int fd = connect_client("");
  while (server->connections.kept == before)
    (void)mkt_server_poll(server, 0);
  return fd;
}

static inline void poll_until_ready(void) {
  while (mkt_server_poll(server, 0) == 0) {
  }
}

static inline mkt_handle take_request(void) {
  poll_until_ready();
  mkt_handle handle = mkt_request_handle(mkt_server_ready(server));
  mkt_server_take(server);
  return handle;
}

static inline void receive_text(int fd, const char *start) {
  char bytes[1024];
  mkt_wait_for_bytes(fd);
  ssize_t n = recv(fd, bytes, sizeof bytes, 0);
  assert_true(n >= (ssize_t)strlen(start));
  assert_memory_equal(bytes, start, strlen(start));
}

/* The client of a request that the front answers. */
static inline int ask(const char *request, const char *start) {
  int fd = connect_client(request);
  receive_text(fd, start);
  return fd;
}

static inline void ask_once(const char *request, const char *start) {
  assert_int_equal(close(ask(request, start)), 0);
}

/* So many clients who send the same and get no answer. */
static inline void connect_all(int fds[], int count, const char *request) {
  const int before = suspended;
  for (int i = 0; i < count; i++)
    fds[i] = connect_client(request);
  while (suspended < before + count)
    ask_once(LIVE, "HTTP/1.1 200 ");
}

static inline void close_all(const int fds[], int count) {
  for (int i = 0; i < count; i++)
    assert_int_equal(close(fds[i]), 0);
}

static inline size_t count_handed_out(mkt_fault fault) {
  size_t count = 0;
  const mkt_request *request = mkt_server_ready(server);
  for (; request != NULL; request = mkt_request_next(request))
    count += mkt_request_fault(request) == fault;
  return count;
}

#endif
