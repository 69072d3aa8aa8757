/* What of csrc/postgres needs no server; spec/postgres_spec.lua has the rest. */
#include "folder.h"
#include "support.h"

#include "postgres/connection.h"
#include "postgres/failure.h"
#include "postgres/statement.h"
#include "postgres/wait.h"
#include "postgres/wire.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_words(const char *expected, const char *message) {
  char out[64];
  mkt_postgres_copy_words(out, sizeof out, message);
  assert_string_equal(out, expected);
}

static void test_words_have_no_address_and_no_severity(void **state) {
  (void)state;
  expect_words("", "");
  expect_words("role \"x\" does not exist",
               "connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  role \"x\" does "
               "not exist\n");
  expect_words("No such file", "connection to server on socket \"/s\" failed: No such file\n"
                               "\tIs the server running locally?\n");
  expect_words("out of memory", "out of memory\n");
  expect_words("connection to server ", "connection to server ");
  expect_words("first line; b failed: c", "first line\nb failed: c\n");
}

static void test_words_of_several_attempts_come_once(void **state) {
  (void)state;
  expect_words("no; yes", "connection to server at \"a\" failed: FATAL:  no\n"
                          "connection to server at \"b\" failed: FATAL:  no\nyes\n\n");
}

static void test_words_are_cut(void **state) {
  (void)state;
  char out[8];
  mkt_postgres_copy_words(out, sizeof out, "1234\n567");
  assert_string_equal(out, "1234; 5");
  mkt_postgres_copy_words(out, 1, "1234");
  assert_string_equal(out, "");
}

static void test_numbers_are_big_endian(void **state) {
  (void)state;
  char out[8];
  mkt_postgres_write_integer(out, 0x0102030405060708, 8);
  assert_memory_equal(out, "\1\2\3\4\5\6\7\10", 8);
  mkt_postgres_write_integer(out, -2, 2);
  assert_memory_equal(out, "\xff\xfe", 2);
  mkt_postgres_write_double(out, 1);
  assert_memory_equal(out, "\x3f\xf0\0\0\0\0\0\0", 8);
}

static void test_numbers_come_back(void **state) {
  (void)state;
  static const int64_t integers[] = {0, 1, -1, 127, -128, INT64_MAX, INT64_MIN};
  char out[8];
  for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
    mkt_postgres_write_integer(out, integers[i], 8);
    assert_true(mkt_postgres_read_integer(out, 8) == integers[i]);
  }
  mkt_postgres_write_integer(out, -32768, 2);
  assert_int_equal(mkt_postgres_read_integer(out, 2), -32768);
  static const double doubles[] = {0, -0.0, 0.1, -1e300, 4.9e-324, INFINITY};
  for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
    mkt_postgres_write_double(out, doubles[i]);
    double back = mkt_postgres_read_double(out);
    assert_memory_equal(&back, &doubles[i], sizeof back);
  }
}

static void test_sizes(void **state) {
  (void)state;
  assert_int_equal(mkt_postgres_size(MKT_POSTGRES_BOOL), 1);
  assert_int_equal(mkt_postgres_size(MKT_POSTGRES_INT2), 2);
  assert_int_equal(mkt_postgres_size(MKT_POSTGRES_INT4), 4);
  assert_int_equal(mkt_postgres_size(MKT_POSTGRES_INT8), 8);
  assert_int_equal(mkt_postgres_size(MKT_POSTGRES_FLOAT8), 8);
  assert_int_equal(mkt_postgres_size(25), 0);
}

static void test_a_connection_that_is_closed_refuses(void **state) {
  (void)state;
  mkt_postgres closed = {0};
  mkt_error error;
  int number;
  assert_int_equal(mkt_postgres_check(&closed, &error), MKT_ERR_CONNECT_FAILED);
  assert_false(mkt_postgres_is_alive(&closed));
  assert_int_equal(mkt_postgres_prepare(&closed, "SELECT 1", &number, &error),
                   MKT_ERR_CONNECT_FAILED);
  assert_null(mkt_postgres_statement(&closed, 1));
  mkt_postgres_settle(&closed);
  mkt_postgres_close(&closed);
}

static void test_words_that_libpq_does_not_know_are_refused(void **state) {
  (void)state;
  static const char *const words[] = {"nosuch", NULL}, *const values[] = {"x", NULL};
  mkt_postgres postgres = {0};
  mkt_error error;
  mkt_code code = mkt_postgres_open(&postgres, words, values, 1, &error);
  assert_int_equal(code, MKT_ERR_CONNECT_FAILED);
  assert_string_equal(error.message,
                      "cannot connect to PostgreSQL: invalid connection option \"nosuch\"");
  assert_null(postgres.connection);
}

/* What it sends that nobody asked for: more than is read of it at once, and all of it is there,
 * since what is sent through a Unix socket is at once to be received. */
enum { NOTICE_BYTES = 24, NOTICES = 680 };
static const char notice[] = "N\0\0\0\27SNOTICE\0C00000\0M-\0\0";

/* The listener; the caller removes the socket's name. */
static int listen_in_folder(struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  (void)snprintf(address->sun_path, sizeof address->sun_path, "%s/.s.PGSQL.5432", mkt_folder);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(listener, (struct sockaddr *)address, sizeof *address), 0);
  assert_int_equal(listen(listener, 1), 0);
  return listener;
}

/* Accepts a client, and sends it notices until there is no room for more; then closes `full`. */
static void serve_notices(int listener, int full) {
  static const char welcome[] = "R\0\0\0\10\0\0\0\0Z\0\0\0\5I";
  char startup[1024], notices[NOTICE_BYTES * NOTICES];
  for (size_t i = 0; i < NOTICES; i++)
    memcpy(notices + i * NOTICE_BYTES, notice, NOTICE_BYTES);
  int client = accept(listener, NULL, NULL);
  bool is_welcome = recv(client, startup, sizeof startup, 0) > 0 &&
                    send(client, welcome, sizeof welcome - 1, 0) == sizeof welcome - 1;
  ssize_t sent = is_welcome ? 1 : -1;
  while (sent > 0)
    sent = send(client, notices, sizeof notices, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)close(full);
  (void)recv(client, startup, sizeof startup, 0);
  _exit(0);
}

static void test_a_server_that_does_not_stop_talking_is_not_alive(void **state) {
  (void)state;
  struct sockaddr_un address;
  int listener = listen_in_folder(&address), full[2];
  assert_int_equal(pipe(full), 0);
  pid_t child = fork();
  if (child == 0) serve_notices(listener, full[1]);
  assert_int_equal(close(full[1]), 0);
  const char *const words[] = {"host", "port", "user", "sslmode", "gssencmode", NULL};
  const char *const values[] = {mkt_folder, "5432", "m", "disable", "disable", NULL};
  mkt_postgres postgres = {0};
  mkt_error error;
  char end;
  assert_int_equal(mkt_postgres_open(&postgres, words, values, 60, &error), MKT_OK);
  assert_int_equal(read(full[0], &end, 1), 0);
  assert_false(mkt_postgres_is_alive(&postgres));
  mkt_postgres_close(&postgres);
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_int_equal(close(full[0]), 0);
  assert_int_equal(close(listener), 0);
  assert_int_equal(unlink(address.sun_path), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words_have_no_address_and_no_severity),
      cmocka_unit_test(test_words_of_several_attempts_come_once),
      cmocka_unit_test(test_words_are_cut),
      cmocka_unit_test(test_numbers_are_big_endian),
      cmocka_unit_test(test_numbers_come_back),
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_a_connection_that_is_closed_refuses),
      cmocka_unit_test(test_words_that_libpq_does_not_know_are_refused),
      cmocka_unit_test_setup_teardown(test_a_server_that_does_not_stop_talking_is_not_alive,
                                      mkt_make_folder, mkt_remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
