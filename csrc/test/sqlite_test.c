#include "folder.h"
#include "support.h"

#include "core/alloc.h"
#include "sqlite/failure.h"
#include "sqlite/log.h"
#include "sqlite/opened.h"
#include "sqlite/statement.h"
#include "sqlite/transaction.h"
#include "sqlite/uri.h"
#include "sqlite/whole.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_uri(const char *expected, const char *path, const char *mode_of) {
  char *uri = mkt_sqlite_uri(path, mode_of);
  assert_string_equal(uri, expected);
  mkt_free(uri);
}

static void uris_name_the_file(void **state) {
  (void)state;
  expect_uri("file:///a/b.db", "/a/b.db", NULL);
  expect_uri("file:////a", "//a", NULL);
  expect_uri("file:./b.db", "b.db", NULL);
  expect_uri("file:./%3amemory%3a", ":memory:", NULL);
  expect_uri("file:///a%3f%25%23%26%20%c3%bc?modeof=/m%26", "/a?%#& \xc3\xbc", "/m&");
  expect_uri(
      "file:./%3f%3f%3f%3f%3f%3f%3f%3f%3f%3f%3f%3f%3f%3f%3f%3f?modeof=%25%25%25%25%25%25%25%25",
      "????????????????", "%%%%%%%%");
}

static void counts_never_are_zero(void **state) {
  (void)state;
  assert_int_equal(mkt_sqlite_count(0x00000105), 0x00000205);
  assert_int_equal(mkt_sqlite_count(0xfffffeff), 0xffffffff);
  assert_int_equal(mkt_sqlite_count(0xffffff05), 0x00000105);
  for (int i = 0; i < 100; i++) {
    uint32_t first = mkt_sqlite_count(7);
    assert_int_equal(first & 0xff, 7);
    assert_true(first > 0xff);
  }
}

static void results_have_names(void **state) {
  (void)state;
  assert_string_equal(mkt_sqlite_result_name(SQLITE_FULL), "SQLITE_FULL");
  assert_string_equal(mkt_sqlite_result_name(SQLITE_IOERR_FSYNC), "SQLITE_IOERR_FSYNC");
  assert_string_equal(mkt_sqlite_result_name(SQLITE_IOERR | 255 << 8), "SQLITE_IOERR");
  assert_string_equal(mkt_sqlite_result_name(255), "of SQLite's");
}

static void open_database(mkt_sqlite *database) {
  const mkt_sqlite_options options = {.path = mkt_path, .create = true};
  mkt_error error = {.message = ""};
  *database = (mkt_sqlite){0};
  mkt_code code = mkt_sqlite_open(database, &options, &error);
  if (code != MKT_OK) print_error("%s\n", error.message);
  assert_int_equal(code, MKT_OK);
}

static void execute(mkt_sqlite *database, const char *sql) {
  assert_int_equal(sqlite3_exec(database->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void closing_twice_is_nothing(void **state) {
  (void)state;
  mkt_sqlite database;
  open_database(&database);
  mkt_sqlite_close(&database);
  assert_null(database.db);
  mkt_sqlite_close(&database);
  mkt_error error;
  assert_int_equal(mkt_sqlite_begin(&database, &error), MKT_ERR_INBOX_UNAVAILABLE);
  assert_string_equal(error.message, "the database is closed");
}

static void another_process_is_refused(void **state) {
  (void)state;
  mkt_error error;
  mkt_sqlite database;
  open_database(&database);
  database.pid++;
  int number;
  assert_int_equal(mkt_sqlite_begin(&database, &error), MKT_ERR_INBOX_UNAVAILABLE);
  assert_non_null(strstr(error.message, "belongs to another process"));
  assert_int_equal(mkt_sqlite_prepare(&database, "SELECT 1", 8, &number, &error),
                   MKT_ERR_INBOX_UNAVAILABLE);
  mkt_sqlite_rollback(&database);
  database.pid--;
  assert_int_equal(mkt_sqlite_begin(&database, &error), MKT_OK);
  mkt_sqlite_close(&database);
}

/* Runs it in a process of its own, which has only what it opens there; gives its status. */
static pid_t start(int (*run)(void)) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) _exit(run());
  return pid;
}

static int status_of(pid_t pid) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int is_inherited(void) {
  return mkt_sqlite_is_inherited(mkt_path);
}

static void open_files_are_inherited(void **state) {
  (void)state;
  mkt_sqlite database, other;
  open_database(&database);
  open_database(&other);
  assert_false(mkt_sqlite_is_inherited(mkt_path));
  assert_int_equal(status_of(start(is_inherited)), 1);
  mkt_sqlite_close(&database);
  assert_int_equal(status_of(start(is_inherited)), 1);
  mkt_sqlite_close(&other);
  assert_int_equal(status_of(start(is_inherited)), 0);
}

static int open_and_close(void) {
  mkt_sqlite database = {0};
  const mkt_sqlite_options options = {.path = mkt_path, .create = true};
  mkt_error error = {.message = ""};
  mkt_code code = mkt_sqlite_open(&database, &options, &error);
  if (code != MKT_OK) (void)fprintf(stderr, "%s\n", error.message);
  mkt_sqlite_close(&database);
  return code == MKT_OK ? 0 : 1;
}

/* SQLite refuses at once who comes while the file is being made. */
static void many_make_the_file_at_once(void **state) {
  (void)state;
  enum { PROCESSES = 8, ROUNDS = 10 };
  for (int round = 0; round < ROUNDS; round++) {
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
      pids[i] = start(open_and_close);
    for (int i = 0; i < PROCESSES; i++)
      assert_int_equal(status_of(pids[i]), 0);
    /* of those that close at the same time, none may be the last */
    assert_int_equal(open_and_close(), 0);
    assert_int_equal(mkt_names(), 1);
    assert_int_equal(unlink(mkt_path), 0);
  }
}

static int begun[2]; /* a pipe */

/* Begins the log anew, and writes it into the file, again and again. */
static int write_until_killed(void) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  mkt_error error;
  mkt_sqlite database;
  open_database(&database);
  mkt_sqlite_limit(&database, 600);
  execute(&database, "CREATE TABLE t (a)");
  mkt_code code = MKT_OK;
  for (int i = 0; code == MKT_OK; i++) {
    assert_int_equal(mkt_sqlite_begin(&database, &error), MKT_OK);
    execute(&database, "INSERT INTO t VALUES (zeroblob(4096)), (zeroblob(4096))");
    execute(&database, "DELETE FROM t WHERE rowid % 3 = 0");
    code = mkt_sqlite_commit(&database, &error);
    if (i % 3 == 0) execute(&database, "PRAGMA wal_checkpoint");
    if (i % 7 == 0) execute(&database, "PRAGMA wal_checkpoint(RESTART)");
    if (i == 0) assert_int_equal(write(begun[1], "x", 1), 1);
  }
  return 1;
}

static void no_log_is_foreign_while_it_is_used(void **state) {
  (void)state;
  char byte;
  int status;
  assert_int_equal(pipe(begun), 0);
  pid_t writer = start(write_until_killed);
  assert_int_equal(read(begun[0], &byte, 1), 1);
  for (int i = 0; i < 200; i++)
    assert_int_equal(open_and_close(), 0);
  assert_int_equal(kill(writer, SIGKILL), 0);
  assert_int_equal(waitpid(writer, &status, 0), writer);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(open_and_close(), 0);
  assert_int_equal(close(begun[0]) | close(begun[1]), 0);
}

static void a_deadline_ends_a_query(void **state) {
  (void)state;
  static const char endless[] =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
  mkt_error error;
  mkt_sqlite database;
  int number;
  bool has_row;
  open_database(&database);
  assert_int_equal(mkt_sqlite_prepare(&database, endless, sizeof endless - 1, &number, &error),
                   MKT_OK);
  assert_null(mkt_sqlite_statement(&database, 0));
  assert_null(mkt_sqlite_statement(&database, number + 1));
  mkt_sqlite_limit(&database, 0.02);
  sqlite3_stmt *statement = mkt_sqlite_statement(&database, number);
  assert_int_equal(mkt_sqlite_start(&database, statement, &error), MKT_OK);
  assert_int_equal(mkt_sqlite_step(&database, &has_row, &error), MKT_ERR_TIMEOUT);
  assert_true(error.retryable);
  assert_null(database.active);
  mkt_sqlite_close(&database);
}

/* A commit of a row that is as many pages long. */
static void add(mkt_sqlite *database, int pages) {
  mkt_error error = {.message = ""};
  char sql[80];
  mkt_code code = mkt_sqlite_begin(database, &error);
  if (code != MKT_OK) print_error("%s\n", error.message);
  assert_int_equal(code, MKT_OK);
  (void)snprintf(sql, sizeof sql, "INSERT INTO t VALUES (zeroblob(%d))", pages * 2048);
  execute(database, sql);
  assert_int_equal(mkt_sqlite_commit(database, &error), MKT_OK);
}

static void expect_rows(int expected) {
  mkt_sqlite database;
  mkt_error error;
  sqlite3_stmt *statement;
  open_database(&database);
  assert_int_equal(mkt_sqlite_quick_check(&database, &error), MKT_OK);
  int result = sqlite3_prepare_v2(database.db, "SELECT count(*) FROM t", -1, &statement, NULL);
  assert_int_equal(result, SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  assert_int_equal(sqlite3_column_int(statement, 0), expected);
  assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
  mkt_sqlite_close(&database);
}

static void remove_beside(const char *suffix) {
  char path[PATH_MAX];
  (void)snprintf(path, sizeof path, "%s%s", mkt_path, suffix);
  assert_int_equal(unlink(path), 0);
}

static int commit_other(void *other, int times) {
  mkt_error error;
  assert_int_equal(times, 0);
  execute(other, "INSERT INTO t VALUES (1), (zeroblob(9000))");
  assert_int_equal(mkt_sqlite_commit(other, &error), MKT_OK);
  return 1;
}

/* Whoever has the removed log must not write from it what another one has by now. */
static void a_removed_log_is_not_taken_for_another_one(void **state) {
  (void)state;
  mkt_error error;
  mkt_sqlite first, second, third;
  open_database(&first);
  execute(&first, "CREATE TABLE t (a)");
  for (int i = 0; i < 10; i++)
    add(&first, 3);
  open_database(&second);
  add(&second, 1);
  remove_beside("-wal");
  mkt_sqlite_close(&first);
  open_database(&third);
  assert_int_equal(mkt_sqlite_begin(&third, &error), MKT_OK);
  (void)sqlite3_busy_handler(second.db, commit_other, &third);
  mkt_sqlite_close(&second);
  if (!sqlite3_get_autocommit(third.db)) (void)commit_other(&third, 0);
  expect_rows(13);
  add(&third, 1);
  mkt_sqlite_close(&third);
  expect_rows(14);
}

/* A thread that opens the file closes what others have only while they do not use it. */
static void one_in_use_is_left_alone(void **state) {
  (void)state;
  const mkt_sqlite_options options = {.path = mkt_path};
  mkt_error error;
  mkt_sqlite first, second = {0};
  open_database(&first);
  execute(&first, "CREATE TABLE t (a)");
  remove_beside("-shm");
  assert_true(mkt_sqlite_enter(&first));
  assert_false(mkt_sqlite_enter(&first));
  assert_int_equal(mkt_sqlite_open(&second, &options, &error), MKT_ERR_INBOX_UNAVAILABLE);
  assert_non_null(strstr(error.message, "-shm was removed while it was open"));
  assert_int_equal(mkt_sqlite_check(&first, "read", &error), MKT_OK);
  mkt_sqlite_leave(&first, true);
  open_database(&second);
  add(&second, 1);
  assert_int_equal(mkt_sqlite_check(&first, "read", &error), MKT_ERR_INBOX_UNAVAILABLE);
  assert_non_null(strstr(error.message, "was removed or replaced while it was open"));
  mkt_sqlite_close(&first);
  mkt_sqlite_close(&second);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(uris_name_the_file),
      cmocka_unit_test(counts_never_are_zero),
      cmocka_unit_test(results_have_names),
      cmocka_unit_test_setup_teardown(closing_twice_is_nothing, mkt_make_folder, mkt_remove_folder),
      cmocka_unit_test_setup_teardown(another_process_is_refused, mkt_make_folder,
                                      mkt_remove_folder),
      cmocka_unit_test_setup_teardown(open_files_are_inherited, mkt_make_folder, mkt_remove_folder),
      cmocka_unit_test_setup_teardown(many_make_the_file_at_once, mkt_make_folder,
                                      mkt_remove_folder),
      cmocka_unit_test_setup_teardown(no_log_is_foreign_while_it_is_used, mkt_make_folder,
                                      mkt_remove_folder),
      cmocka_unit_test_setup_teardown(a_deadline_ends_a_query, mkt_make_folder, mkt_remove_folder),
      cmocka_unit_test_setup_teardown(a_removed_log_is_not_taken_for_another_one, mkt_make_folder,
                                      mkt_remove_folder),
      cmocka_unit_test_setup_teardown(one_in_use_is_left_alone, mkt_make_folder, mkt_remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
