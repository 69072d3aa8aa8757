#include "core/file.h"
#include "test/folder.h"
#include "test/support.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static mode_t mode_of(const char *where) {
  struct stat file;
  assert_int_equal(stat(where, &file), 0);
  return file.st_mode & 07777;
}

/* In place of libc's: notes the mode that a file has with all its bytes, when it is synced first.
 */
static mode_t mode_while_written;

int fsync(int fd) {
  struct stat file;
  if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && mode_while_written == 0) {
    mode_while_written = file.st_mode & 07777;
  }
  return fdatasync(fd);
}

static void is_its_owners_alone_while_it_is_written(void **state) {
  (void)state;
  assert_int_equal(mkt_put(mkt_path, "old", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(chmod(mkt_path, 0644), 0);
  mode_while_written = 0;
  assert_int_equal(mkt_put(mkt_path, "a secret", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(mode_while_written, 0600);
  assert_int_equal(mode_of(mkt_path), 0644);
}

static void make_beside(const char *name) {
  char beside[sizeof mkt_path + NAME_MAX];
  (void)snprintf(beside, sizeof beside, "%s/%s", mkt_folder, name);
  int fd = open(beside, O_WRONLY | O_CREAT, 0600);
  assert_true(fd >= 0);
  assert_int_equal(close(fd), 0);
}

static void removes_what_killed_processes_left_of_it(void **state) {
  (void)state;
  static const char *const others[] = {".file.0123456789abcde.tmp",  ".file.0123456789abcdef.tmpx",
                                       ".file.0123456789ABCDEF.tmp", ".other.0123456789abcdef.tmp",
                                       "file.0123456789abcdef.tmp",  ".file.tmp"};
  enum { OTHERS = sizeof others / sizeof others[0] };
  assert_int_equal(mkt_put(mkt_path, "held", MKT_FILE_REPLACE, NULL), MKT_OK);
  for (size_t i = 0; i < OTHERS; i++)
    make_beside(others[i]);
  make_beside(".file.0123456789abcdef.tmp");
  make_beside(".file.fedcba9876543210.tmp");
  assert_int_equal(symlink("file", mkt_link_path), 0);
  assert_int_equal(mkt_file_remove_leftovers(mkt_link_path, NULL), MKT_OK);
  assert_int_equal(mkt_names(), OTHERS + 2);
  mkt_expect_held("held");
  for (size_t i = 0; i < OTHERS; i++) {
    char beside[sizeof mkt_path + NAME_MAX];
    (void)snprintf(beside, sizeof beside, "%s/%s", mkt_folder, others[i]);
    assert_int_equal(unlink(beside), 0);
  }
  assert_int_equal(mkt_file_remove_leftovers("/nowhere/at/all", NULL), MKT_ERR_FILE_FAILED);
}

/* What the process leaves that is killed while it writes is what is removed. */
static void what_it_leaves_is_found_again(void **state) {
  (void)state;
  char long_path[sizeof mkt_folder + NAME_MAX + 1];
  int n = snprintf(long_path, sizeof long_path, "%s/", mkt_folder);
  memset(long_path + n, 'x', NAME_MAX);
  long_path[(size_t)n + NAME_MAX] = '\0';
  assert_int_equal(mkt_put(long_path, "x", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(unlink(long_path), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct rlimit tiny = {.rlim_cur = 4, .rlim_max = 4};
    struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGXFSZ, SIG_DFL);
    (void)setrlimit(RLIMIT_FSIZE, &tiny);
    (void)mkt_put(mkt_path, "more than four bytes", MKT_FILE_REPLACE, NULL);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(mkt_names(), 1);
  assert_int_equal(mkt_file_remove_leftovers(mkt_path, NULL), MKT_OK);
  assert_int_equal(mkt_names(), 0);
}

static void makes_and_replaces(void **state) {
  (void)state;
  assert_int_equal(mkt_put(mkt_path, "first", MKT_FILE_REPLACE, NULL), MKT_OK);
  mkt_expect_held("first");
  assert_int_equal(mode_of(mkt_path), 0600);
  assert_int_equal(chmod(mkt_path, 0640), 0);
  assert_int_equal(mkt_put(mkt_path, "", MKT_FILE_REPLACE, NULL), MKT_OK);
  mkt_expect_held("");
  assert_int_equal(mode_of(mkt_path), 0640);
  assert_int_equal(mkt_names(), 1);
}

static void keeps_the_owner(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  assert_int_equal(mkt_put(mkt_path, "first", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(chown(mkt_path, 1234, 2345), 0);
  assert_int_equal(mkt_put(mkt_path, "second", MKT_FILE_REPLACE, NULL), MKT_OK);
  struct stat file;
  assert_int_equal(stat(mkt_path, &file), 0);
  assert_int_equal(file.st_uid, 1234);
  assert_int_equal(file.st_gid, 2345);
}

static void makes_only_what_is_new(void **state) {
  (void)state;
  mkt_error error;
  assert_int_equal(mkt_put(mkt_path, "first", MKT_FILE_NEW, &error), MKT_OK);
  assert_int_equal(mkt_put(mkt_path, "second", MKT_FILE_NEW, &error), MKT_ERR_FILE_EXISTS);
  mkt_expect_held("first");
  assert_int_equal(symlink("nothing", mkt_link_path), 0);
  assert_int_equal(mkt_put(mkt_link_path, "second", MKT_FILE_NEW, &error), MKT_ERR_FILE_EXISTS);
  assert_int_equal(mkt_names(), 2);
}

static void replaces_what_a_link_names(void **state) {
  (void)state;
  mkt_error error;
  struct stat file;
  assert_int_equal(symlink("file", mkt_link_path), 0);
  assert_int_equal(mkt_put(mkt_link_path, "first", MKT_FILE_REPLACE, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, "the link names nothing"));
  assert_int_equal(mkt_put(mkt_path, "first", MKT_FILE_REPLACE, &error), MKT_OK);
  assert_int_equal(mkt_put(mkt_link_path, "second", MKT_FILE_REPLACE, &error), MKT_OK);
  mkt_expect_held("second");
  assert_int_equal(lstat(mkt_link_path, &file), 0);
  assert_true(S_ISLNK(file.st_mode));
}

static void takes_paths_as_the_system_does(void **state) {
  (void)state;
  char before[PATH_MAX];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(mkt_folder), 0);
  assert_int_equal(mkt_put("file", "a", MKT_FILE_NEW, NULL), MKT_OK);
  assert_int_equal(mkt_put("./file", "b", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(mkt_put("/etc", "c", MKT_FILE_NEW, NULL), MKT_ERR_FILE_EXISTS);
  assert_int_equal(mkt_names(), 1);
  assert_int_equal(chdir(before), 0);
  mkt_expect_held("b");
}

static void refuses_what_is_no_file(void **state) {
  (void)state;
  mkt_error error;
  char long_name[NAME_MAX + 2];
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  const char *const refused[] = {mkt_folder, "/dev/full", "/",       "/nowhere/at/all", "",
                                 ".",        "..",        long_name, "/dev/null/x"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    assert_int_equal(mkt_put(refused[i], "x", MKT_FILE_REPLACE, &error), MKT_ERR_FILE_FAILED);
    assert_int_not_equal(mkt_put(refused[i], "x", MKT_FILE_NEW, &error), MKT_OK);
  }
  assert_int_equal(mkt_names(), 0);
}

static void says_that_nothing_can_be_made_in_the_folder(void **state) {
  (void)state;
  mkt_error error;
  assert_int_equal(mkt_put("/proc/file", "x", MKT_FILE_REPLACE, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, "/proc/file: a file beside it cannot be made"));
}

static void a_full_disk_leaves_the_old_file(void **state) {
  (void)state;
  assert_int_equal(mkt_put(mkt_path, "old", MKT_FILE_REPLACE, NULL), MKT_OK);
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit tiny = {.rlim_cur = 16, .rlim_max = before.rlim_max};
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  mkt_error error;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &tiny), 0);
  mkt_code code = mkt_put(mkt_path, "more than sixteen bytes", MKT_FILE_REPLACE, &error);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)signal(SIGXFSZ, handler);
  assert_int_equal(code, MKT_ERR_FILE_FAILED);
  assert_null(strstr(error.message, "sixteen"));
  mkt_expect_held("old");
  assert_int_equal(mkt_names(), 1);
}

/* In a child that has no right to the folder: `task` gives its exit status. */
static void as_nobody(int (*task)(void)) {
  if (geteuid() != 0) skip();
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(setgid(65534) == 0 && setuid(65534) == 0 ? task() : 99);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static int expect_refusal(void) {
  mkt_error error;
  return mkt_put(mkt_path, "new", MKT_FILE_REPLACE, &error) == MKT_ERR_FILE_FAILED ? 0 : 1;
}

static void a_folder_without_the_right_leaves_the_old_file(void **state) {
  (void)state;
  assert_int_equal(mkt_put(mkt_path, "old", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(chmod(mkt_folder, 0755), 0);
  as_nobody(expect_refusal);
  /* the owner cannot be kept: only root could give the file back */
  assert_int_equal(chmod(mkt_folder, 0777), 0);
  as_nobody(expect_refusal);
  mkt_expect_held("old");
  assert_int_equal(mkt_names(), 1);
}

static void one_holder_at_a_time(void **state) {
  (void)state;
  mkt_file_lock first = {0};
  mkt_file_lock second = {0};
  mkt_error error;
  assert_int_equal(mkt_file_lock_take(&first, mkt_path, &error), MKT_OK);
  assert_int_equal(mode_of(mkt_path), 0600);
  assert_int_equal(fcntl(first.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal(mkt_file_lock_take(&second, mkt_path, &error), MKT_ERR_LOCKED);
  assert_true(error.retryable);
  mkt_file_unlock(&second);
  mkt_file_unlock(&first);
  mkt_file_unlock(&first);
  assert_int_equal(mkt_file_lock_take(&second, mkt_path, &error), MKT_OK);
  mkt_file_unlock(&second);
}

static void a_forked_child_does_not_take_it_away(void **state) {
  (void)state;
  mkt_file_lock held = {0};
  mkt_file_lock other = {0};
  assert_int_equal(mkt_file_lock_take(&held, mkt_path, NULL), MKT_OK);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    mkt_file_unlock(&held);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(mkt_file_lock_take(&other, mkt_path, NULL), MKT_ERR_LOCKED);
  mkt_file_unlock(&held);
  assert_int_equal(mkt_file_lock_take(&other, mkt_path, NULL), MKT_OK);
  mkt_file_unlock(&other);
}

static void a_holder_may_remove_the_file(void **state) {
  (void)state;
  mkt_file_lock first = {0};
  mkt_file_lock second = {0};
  assert_int_equal(mkt_file_lock_take(&first, mkt_path, NULL), MKT_OK);
  assert_int_equal(unlink(mkt_path), 0);
  assert_int_equal(mkt_file_lock_take(&second, mkt_path, NULL), MKT_OK);
  mkt_file_unlock(&first);
  assert_int_equal(mkt_file_lock_take(&first, mkt_path, NULL), MKT_ERR_LOCKED);
  mkt_file_unlock(&second);
}

static void a_file_is_made_with_its_lock(void **state) {
  (void)state;
  mkt_file_lock first = {0};
  mkt_file_lock second = {0};
  bool locked = true;
  assert_int_equal(mkt_put(mkt_path, "stale", MKT_FILE_REPLACE, NULL), MKT_OK);
  assert_int_equal(mkt_file_is_locked(mkt_path, &locked, NULL), MKT_OK);
  assert_false(locked);
  assert_int_equal(mkt_file_replace_locked(&first, mkt_path, "1", 1, NULL), MKT_OK);
  assert_int_equal(mode_of(mkt_path), 0644);
  assert_int_equal(fcntl(first.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal(mkt_file_is_locked(mkt_path, &locked, NULL), MKT_OK);
  assert_true(locked);
  assert_int_equal(mkt_file_replace_locked(&second, mkt_path, "2", 1, NULL), MKT_OK);
  mkt_expect_held("2");
  mkt_file_unlock(&first);
  assert_int_equal(mkt_file_is_locked(mkt_path, &locked, NULL), MKT_OK);
  assert_true(locked);
  mkt_file_unlock(&second);
  assert_int_equal(mkt_file_is_locked(mkt_path, &locked, NULL), MKT_OK);
  assert_false(locked);
  assert_int_equal(mkt_file_is_locked("/nowhere/at/all", &locked, NULL), MKT_ERR_FILE_FAILED);
  assert_int_equal(mkt_file_replace_locked(&first, mkt_folder, "3", 1, NULL), MKT_ERR_FILE_FAILED);
  assert_false(first.held);
  assert_int_equal(mkt_names(), 1);
}

static void a_written_file_gets_its_place(void **state) {
  (void)state;
  char part[160];
  mkt_error error;
  (void)snprintf(part, sizeof part, "%s.part", mkt_path);
  assert_int_equal(mkt_put(part, "all of it", MKT_FILE_NEW, &error), MKT_OK);
  assert_int_equal(mkt_put(mkt_path, "old", MKT_FILE_NEW, &error), MKT_OK);
  assert_int_equal(mkt_file_put_in_place(part, mkt_path, NULL, &error), MKT_OK);
  mkt_expect_held("all of it");
  assert_int_equal(mkt_names(), 1);

  assert_int_equal(mkt_file_put_in_place(part, mkt_path, NULL, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, ".part: it cannot be opened: No such file"));
  mkt_expect_held("all of it");
  assert_int_equal(mkt_put(part, "new", MKT_FILE_NEW, &error), MKT_OK);
  assert_int_equal(mkt_file_put_in_place(part, mkt_folder, NULL, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, "it cannot be put in its place"));
  assert_int_equal(mkt_file_put_in_place(part, "/nowhere/at/all", NULL, NULL), MKT_ERR_FILE_FAILED);
  assert_int_equal(unlink(part), 0);
}

static void what_was_in_a_place_keeps_a_name(void **state) {
  (void)state;
  mkt_error error;
  struct stat old, new;
  char part[PATH_MAX], kept[PATH_MAX];
  (void)snprintf(part, sizeof part, "%s.part", mkt_path);
  (void)snprintf(kept, sizeof kept, "%s.kept", mkt_path);
  assert_int_equal(mkt_put(part, "new", MKT_FILE_NEW, &error), MKT_OK);
  assert_int_equal(mkt_file_put_in_place(part, mkt_path, kept, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, "it cannot be looked at: No such file"));
  assert_int_equal(mkt_put(mkt_path, "old", MKT_FILE_NEW, &error), MKT_OK);
  assert_int_equal(chmod(mkt_path, 0640), 0);
  assert_int_equal(stat(mkt_path, &old), 0);

  assert_int_equal(mkt_file_put_in_place(part, mkt_path, kept, &error), MKT_OK);
  mkt_expect_held("new");
  assert_int_equal(stat(mkt_path, &new), 0);
  assert_int_equal(new.st_mode, old.st_mode);
  assert_int_equal(stat(kept, &new), 0);
  assert_int_equal(new.st_ino, old.st_ino);

  assert_int_equal(mkt_put(part, "newer", MKT_FILE_NEW, &error), MKT_OK);
  assert_int_equal(mkt_file_put_in_place(part, mkt_path, kept, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, ".kept: it cannot be made: File exists"));
  mkt_expect_held("new");
  assert_int_equal(unlink(part), 0);
  assert_int_equal(unlink(kept), 0);
}

static void locks_nothing_by_a_link(void **state) {
  (void)state;
  mkt_file_lock lock = {0};
  mkt_error error;
  assert_int_equal(symlink("file", mkt_link_path), 0);
  assert_int_equal(mkt_file_lock_take(&lock, mkt_link_path, &error), MKT_ERR_FILE_FAILED);
  assert_int_equal(mkt_file_lock_take(&lock, mkt_folder, &error), MKT_ERR_FILE_FAILED);
  assert_int_equal(mkt_names(), 1);
}

int main(void) {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, mkt_make_folder, mkt_remove_folder)
  const struct CMUnitTest tests[] = {
      IN_A_FOLDER(makes_and_replaces),
      IN_A_FOLDER(is_its_owners_alone_while_it_is_written),
      IN_A_FOLDER(removes_what_killed_processes_left_of_it),
      IN_A_FOLDER(what_it_leaves_is_found_again),
      IN_A_FOLDER(keeps_the_owner),
      IN_A_FOLDER(makes_only_what_is_new),
      IN_A_FOLDER(replaces_what_a_link_names),
      IN_A_FOLDER(takes_paths_as_the_system_does),
      IN_A_FOLDER(refuses_what_is_no_file),
      IN_A_FOLDER(says_that_nothing_can_be_made_in_the_folder),
      IN_A_FOLDER(a_full_disk_leaves_the_old_file),
      IN_A_FOLDER(a_folder_without_the_right_leaves_the_old_file),
      IN_A_FOLDER(one_holder_at_a_time),
      IN_A_FOLDER(a_forked_child_does_not_take_it_away),
      IN_A_FOLDER(a_holder_may_remove_the_file),
      IN_A_FOLDER(a_file_is_made_with_its_lock),
      IN_A_FOLDER(locks_nothing_by_a_link),
      IN_A_FOLDER(a_written_file_gets_its_place),
      IN_A_FOLDER(what_was_in_a_place_keeps_a_name),
  };
#undef IN_A_FOLDER
  return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
