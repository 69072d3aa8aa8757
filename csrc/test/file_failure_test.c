#include "core/file.h"
#include "test/folder.h"
#include "test/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In place of libc's functions: what is to fail, at which call of it, and with what. */
static struct {
  const char *name;
  int call;
  int error;
} failing;

/* How often flock was called, and what another process does right before it. */
static int flocks;
static void (*before_flock)(void);

static bool fails(const char *name) {
  if (failing.call == 0 || strcmp(failing.name, name) != 0 || --failing.call != 0) return false;
  errno = failing.error;
  return true;
}

static bool is_folder(int fd) {
  struct stat file;
  return fstat(fd, &file) == 0 && S_ISDIR(file.st_mode);
}

int fsync(int fd) {
  return fails(is_folder(fd) ? "fsync of the folder" : "fsync") ? -1 : fdatasync(fd);
}

int fchmod(int fd, mode_t mode) {
  return fails("fchmod") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

/* At most three bytes at a time. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
ssize_t write(int fd, const void *bytes, size_t n) {
  return fails("write") ? -1 : syscall(SYS_write, fd, bytes, n < 3 ? n : 3);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  if (fails("renameat")) return -1;
  return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int flock(int fd, int operation) {
  flocks++;
  if (before_flock != NULL) before_flock();
  return fails("flock") ? -1 : (int)syscall(SYS_flock, fd, operation);
}

static void a_failure_leaves_the_old_file_and_is_told(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int call;
    const char *message;
  } cases[] = {{"write", 2, "it cannot be written: Input/output error"},
               {"fsync", 1, "it cannot be synced: Input/output error"},
               {"fsync", 2, "it cannot be synced: Input/output error"},
               {"fchmod", 1, "its mode cannot be kept: Input/output error"},
               {"renameat", 1, "it cannot be put in its place: Input/output error"}};
  assert_int_equal(mkt_put(mkt_path, "old", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(chmod(mkt_path, 0644), 0);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mkt_error error;
    failing.name = cases[i].name;
    failing.call = cases[i].call;
    failing.error = EIO;
    assert_int_equal(mkt_put(mkt_path, "a new one", MKT_FILE_REPLACE, &error), MKT_ERR_FILE_FAILED);
    assert_int_equal(failing.call, 0);
    assert_non_null(strstr(error.message, cases[i].message));
    mkt_expect_held("old");
    assert_int_equal(mkt_names(), 1);
  }
}

static void a_call_that_a_signal_ends_is_repeated(void **state) {
  (void)state;
  failing.name = "write";
  failing.call = 2;
  failing.error = EINTR;
  assert_int_equal(mkt_put(mkt_path, "all of it", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(failing.call, 0);
  mkt_expect_held("all of it");
}

static void a_folder_is_synced_if_it_can_be(void **state) {
  (void)state;
  static const struct {
    int error;
    mkt_code code;
  } cases[] = {{EINVAL, MKT_OK}, {ENOTSUP, MKT_OK}, {EIO, MKT_ERR_FILE_FAILED}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mkt_error error;
    failing.name = "fsync of the folder";
    failing.call = 1;
    failing.error = cases[i].error;
    assert_int_equal(mkt_put(mkt_path, "new", MKT_FILE_REPLACE, &error), cases[i].code);
    assert_int_equal(failing.call, 0);
    mkt_expect_held("new");
    if (cases[i].code == MKT_OK) continue;
    assert_non_null(strstr(error.message, "it was written, but its folder cannot be synced"));
  }
}

static void remove_it(void) {
  (void)unlink(mkt_path);
}

static void remove_it_once(void) {
  if (flocks == 1) (void)unlink(mkt_path);
}

static void make_another_once(void) {
  if (flocks != 1) return;
  (void)rename(mkt_path, mkt_link_path);
  (void)close(open(mkt_path, O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static void expect_lock_of_what_is_there(const mkt_file_lock *lock) {
  struct stat held, named;
  assert_int_equal(fstat(lock->fd, &held), 0);
  assert_int_equal(stat(mkt_path, &named), 0);
  assert_int_equal(held.st_ino, named.st_ino);
}

static void locks_what_is_there_and_not_what_was(void **state) {
  (void)state;
  void (*const others[])(void) = {remove_it_once, make_another_once};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    mkt_file_lock lock = {0};
    flocks = 0;
    before_flock = others[i];
    assert_int_equal(mkt_file_lock_take(&lock, mkt_path, NULL), MKT_OK);
    assert_int_equal(flocks, 2);
    expect_lock_of_what_is_there(&lock);
    mkt_file_unlock(&lock);
  }
}

static void gives_up_if_the_file_is_always_another(void **state) {
  (void)state;
  mkt_file_lock lock = {0};
  mkt_error error;
  flocks = 0;
  before_flock = remove_it;
  assert_int_equal(mkt_file_lock_take(&lock, mkt_path, &error), MKT_ERR_LOCKED);
  assert_int_equal(flocks, 100);
  assert_false(lock.held);
  assert_non_null(strstr(error.message, "the lock changes hands too often"));
}

static void says_that_a_file_cannot_be_locked(void **state) {
  (void)state;
  mkt_file_lock lock = {0};
  mkt_error error;
  for (int i = 0; i < 2; i++) {
    failing.name = "flock";
    failing.call = 1;
    failing.error = ENOLCK;
    mkt_code code = i == 0 ? mkt_file_lock_take(&lock, mkt_path, &error)
                           : mkt_file_replace_locked(&lock, mkt_path, "x", 1, &error);
    assert_int_equal(code, MKT_ERR_FILE_FAILED);
    assert_non_null(strstr(error.message, "it cannot be locked: No locks available"));
    assert_false(lock.held);
    assert_int_equal(mkt_names(), 1);
  }
}

static int forget_failures(void **state) {
  failing.call = 0;
  before_flock = NULL;
  return mkt_remove_folder(state);
}

int main(void) {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, mkt_make_folder, forget_failures)
  const struct CMUnitTest tests[] = {
      IN_A_FOLDER(a_failure_leaves_the_old_file_and_is_told),
      IN_A_FOLDER(a_call_that_a_signal_ends_is_repeated),
      IN_A_FOLDER(a_folder_is_synced_if_it_can_be),
      IN_A_FOLDER(locks_what_is_there_and_not_what_was),
      IN_A_FOLDER(gives_up_if_the_file_is_always_another),
      IN_A_FOLDER(says_that_a_file_cannot_be_locked),
  };
#undef IN_A_FOLDER
  return cmocka_run_group_tests(tests, NULL, NULL);
}
