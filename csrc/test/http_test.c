#include "core/alloc.h"
#include "core/http.h"
#include "core/http_url.h"
#include "test/support.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char token[] = "Authorization: Bearer eyJhbGciOiJFUzI1NiJ9.c2VjcmV0.dG9rZW4";
static const char body[] = "{\"secret\":\"correct horse battery staple\"}";

/* For how many milliseconds libcurl was told to wait last. It waits for one. */
static int last_wait;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): others say more */
CURLMcode curl_multi_poll(CURLM *multi, struct curl_waitfd more[], unsigned more_count,
                          int milliseconds, int *count) {
  CURLMcode (*original)(CURLM *, struct curl_waitfd[], unsigned, int, int *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "curl_multi_poll");
  last_wait = milliseconds;
  return original(multi, more, more_count, 1, count);
}

/* A server in a process of its own: answers each request on a connection with the connection's
 * number, for as long as the connection lives. */

typedef struct server {
  pid_t pid;
  char url[64];
} server;

static void answer_all(int connection, int number) {
  char bytes[4096], text[128];
  int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%04d", number);
  while (read(connection, bytes, sizeof bytes) > 0) {
    if (write(connection, text, (size_t)n) != n) break;
  }
  close(connection);
}

static void serve(int listener) {
  for (int number = 1;; number++) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) _exit(1);
    if (fork() == 0) {
      answer_all(connection, number);
      _exit(0);
    }
    close(connection);
  }
}

static server start_server_with(void (*serve_on)(int listener)) {
  struct sockaddr_in address;
  server made;
  int listener = mkt_listen_for_test(&address);
  made.pid = fork();
  if (made.pid == 0) {
    (void)signal(SIGCHLD, SIG_IGN);
    serve_on(listener);
    _exit(0);
  }
  close(listener);
  (void)snprintf(made.url, sizeof made.url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
  return made;
}

static server start_server(void) {
  return start_server_with(serve);
}

static void stop_server(const server *s) {
  assert_int_equal(kill(s->pid, SIGKILL), 0);
  assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
}

static mkt_http_request request_for(const char *url) {
  static const char *const headers[] = {token, "Accept: application/json"};
  return (mkt_http_request){.method = "PATCH",
                            .url = url,
                            .headers = headers,
                            .header_count = 2,
                            .body = body,
                            .body_n = sizeof body - 1,
                            .timeout = 10,
                            .max_response = 1000};
}

/* The number of the connection that answered. */
static int ask(const char *url) {
  mkt_http_request request = request_for(url);
  mkt_http_exchange *exchange;
  assert_int_equal(mkt_http_start(&exchange, &request, NULL), MKT_OK);
  while (mkt_http_poll(1000) > 0) {
  }
  assert_int_equal(mkt_http_result(exchange, NULL), MKT_OK);
  assert_int_equal(mkt_http_status(exchange), 200);
  assert_int_equal(mkt_http_body(exchange)->n, 4);
  char text[5] = {0};
  memcpy(text, mkt_http_body(exchange)->p, 4);
  mkt_http_end(exchange);
  return (int)strtol(text, NULL, 10);
}

static void uses_a_connection_again(void **state) {
  (void)state;
  server s = start_server();
  for (int i = 0; i < 5; i++)
    assert_int_equal(ask(s.url), 1);
  stop_server(&s);
}

enum { WINDOW = 262144, CHUNK = 16384 };

static void write_long_body(int listener) {
  char piece[CHUNK] = {0};
  static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 524288\r\n\r\n";
  int connection = accept(listener, NULL, NULL);
  (void)!read(connection, piece, sizeof piece);
  (void)!write(connection, head, sizeof head - 1);
  for (int i = 0; i < 2 * WINDOW / CHUNK; i++)
    (void)!write(connection, piece, sizeof piece);
  (void)!read(connection, piece, 1);
}

/* As long as nobody takes what has arrived, there is nothing to do but wait. */
static void waits_while_the_window_is_full(void **state) {
  (void)state;
  server s = start_server_with(write_long_body);
  mkt_http_request request = request_for(s.url);
  mkt_http_exchange *exchange;
  request.is_streamed = true;
  request.max_response = (size_t)2 * WINDOW;
  assert_int_equal(mkt_http_start(&exchange, &request, NULL), MKT_OK);
  size_t before;
  do {
    before = mkt_http_body(exchange)->n;
    assert_int_equal(mkt_http_poll(100), 1);
  } while (before <= WINDOW - CHUNK || mkt_http_body(exchange)->n > before);
  for (int i = 0; i < 3; i++) {
    last_wait = 0;
    assert_int_equal(mkt_http_poll(100), 1);
    assert_int_equal(last_wait, 100);
  }
  mkt_http_end(exchange);
  stop_server(&s);
}

static int open_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  int count = 0;
  while (readdir(folder) != NULL)
    count++;
  assert_int_equal(closedir(folder), 0);
  return count;
}

static void leaves_the_connections_of_the_parent_alone(void **state) {
  (void)state;
  server s = start_server();
  mkt_http_request request = request_for(s.url);
  mkt_http_exchange *exchange;
  assert_int_equal(ask(s.url), 1);
  assert_int_equal(mkt_http_start(&exchange, &request, NULL), MKT_OK);
  pid_t child = fork();
  if (child == 0) {
    bool right = !mkt_http_is_ours(exchange) && mkt_http_poll(0) == 0 && ask(s.url) == 2;
    mkt_http_end(exchange);
    _exit(right && ask(s.url) == 2 ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  while (mkt_http_poll(1000) > 0) {
  }
  assert_int_equal(mkt_http_result(exchange, NULL), MKT_OK);
  assert_memory_equal(mkt_http_body(exchange)->p, "0001", 4);
  mkt_http_end(exchange);
  assert_int_equal(ask(s.url), 1);
  stop_server(&s);
}

static void *ask_as_a_thread(void *url) {
  static int number;
  number = ask(url);
  return &number;
}

static int ask_on_a_thread(char *url) {
  pthread_t thread;
  void *number;
  assert_int_equal(pthread_create(&thread, NULL, ask_as_a_thread, url), 0);
  assert_int_equal(pthread_join(thread, &number), 0);
  return *(int *)number;
}

static void closes_the_connections_of_a_thread_with_it(void **state) {
  (void)state;
  server s = start_server();
  assert_int_equal(ask(s.url), 1);
  int before = open_descriptors();
  assert_int_equal(ask_on_a_thread(s.url), 2);
  assert_int_equal(ask_on_a_thread(s.url), 3);
  assert_int_equal(open_descriptors(), before);
  assert_int_equal(ask(s.url), 1);
  stop_server(&s);
}

/* An allocator that fails when its turn comes, and that looks for what should have been wiped. */

typedef struct spy {
  int until_failure; /* -1: never */
  int leaks;         /* blocks given back with a secret in them */
  int held;          /* blocks that are not given back */
} spy;

typedef struct block {
  size_t bytes;
  char data[];
} block;

static void look(spy *s, const block *b) {
  if (b->bytes >= 10 && memmem(b->data, b->bytes, "dG9rZW4", 7) != NULL) s->leaks++;
  if (b->bytes >= 10 && memmem(b->data, b->bytes, "battery", 7) != NULL) s->leaks++;
}

static void spy_release(void *context, void *data) {
  if (data == NULL) return;
  block *b = (block *)(void *)((char *)data - sizeof(block));
  look(context, b);
  ((spy *)context)->held--;
  free(b);
}

static void *spy_resize(void *context, void *data, size_t bytes) {
  spy *s = context;
  if (s->until_failure == 0) return NULL;
  if (s->until_failure > 0) s->until_failure--;
  /* zeros: what libcurl left in its own freed memory is none of what is looked for */
  block *made = calloc(1, sizeof(block) + bytes);
  assert_non_null(made);
  made->bytes = bytes;
  s->held++;
  if (data != NULL) {
    const block *old = (const block *)(const void *)((char *)data - sizeof(block));
    memcpy(made->data, old->data, old->bytes < bytes ? old->bytes : bytes);
    spy_release(s, data);
  }
  return made->data;
}

static void wipes_what_was_sent(void **state) {
  (void)state;
  spy s = {.until_failure = -1};
  server peer = start_server();
  assert_int_equal(ask(peer.url), 1); /* the pool is of the usual allocator */
  mkt_alloc_use(&(mkt_allocator){spy_resize, spy_release, &s});
  assert_int_equal(ask(peer.url), 1);
  mkt_alloc_use(NULL);
  assert_int_equal(s.leaks, 0);
  assert_int_equal(s.held, 0);
  stop_server(&peer);
}

static void bears_that_memory_is_short(void **state) {
  (void)state;
  spy s = {0};
  server peer = start_server();
  int points = 0;
  assert_int_equal(ask(peer.url), 1);
  mkt_http_request request = request_for(peer.url);
  mkt_alloc_use(&(mkt_allocator){spy_resize, spy_release, &s});
  for (mkt_code code = MKT_ERR_OUT_OF_MEMORY; code != MKT_OK; points++) {
    mkt_http_exchange *exchange;
    mkt_error error = {0};
    s.until_failure = points;
    code = mkt_http_start(&exchange, &request, &error);
    if (code == MKT_OK) {
      while (mkt_http_poll(1000) > 0) {
      }
      code = mkt_http_result(exchange, &error);
    }
    assert_true(code == MKT_OK || (code == MKT_ERR_OUT_OF_MEMORY && error.code == code));
    mkt_http_end(exchange);
    assert_int_equal(s.held, 0);
  }
  mkt_alloc_use(NULL);
  assert_int_equal(s.leaks, 0);
  assert_true(points > 4);
  stop_server(&peer);
}

static void tells_loopback_from_elsewhere(void **state) {
  (void)state;
  static const char *const loopback[] = {
      "http://127.0.0.1/", "http://127.255.0.9:8080/x", "http://[::1]:80/",  "http://localhost",
      "HTTP://LOCALHOST/", "http://2130706433/",        "https://127.0.0.1/"};
  static const char *const elsewhere[] = {"http://126.0.0.1/", "http://[::ffff:1.2.3.4]/",
                                          "http://[::]/", "http://localhost.example/",
                                          "http://example.com/"};
  bool is_loopback;
  for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
    assert_int_equal(mkt_http_check_url(loopback[i], false, &is_loopback, NULL), MKT_OK);
    assert_true(is_loopback);
  }
  for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
    assert_int_equal(mkt_http_check_url(elsewhere[i], false, &is_loopback, NULL),
                     MKT_ERR_REQUEST_INVALID);
    assert_int_equal(mkt_http_check_url(elsewhere[i], true, &is_loopback, NULL), MKT_OK);
    assert_false(is_loopback);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(uses_a_connection_again),
      cmocka_unit_test(waits_while_the_window_is_full),
      cmocka_unit_test(leaves_the_connections_of_the_parent_alone),
      cmocka_unit_test(closes_the_connections_of_a_thread_with_it),
      cmocka_unit_test(wipes_what_was_sent),
      cmocka_unit_test(bears_that_memory_is_short),
      cmocka_unit_test(tells_loopback_from_elsewhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
