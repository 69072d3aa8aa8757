#include "packages/folder.h"
#include "test/folder.h"
#include "test/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A file system that cannot rename without replacing. */
static int rename_fails;

int renameat2(int oldfd, const char *old, int newfd, const char *new, unsigned int flags) {
  if (rename_fails == 0) return (int)syscall(SYS_renameat2, oldfd, old, newfd, new, flags);
  errno = rename_fails;
  return -1;
}

static char other[160];

static int set_up(void **state) {
  rename_fails = 0;
  int outcome = mkt_make_folder(state);
  (void)snprintf(other, sizeof other, "%s-other", mkt_path);
  return outcome;
}

static void replaces_nothing_on_any_file_system(void **state) {
  (void)state;
  static const int ways[] = {0, EINVAL, ENOSYS};
  mkt_error error;
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    rename_fails = ways[i];
    assert_int_equal(mkt_put(mkt_path, "one", MKT_FILE_NEW, &error), MKT_OK);
    assert_int_equal(mkt_put(other, "two", MKT_FILE_NEW, &error), MKT_OK);
    assert_int_equal(mkt_package_rename(other, mkt_path, &error), MKT_ERR_FILE_EXISTS);
    mkt_expect_held("one");
    assert_int_equal(unlink(mkt_path), 0);
    assert_int_equal(mkt_package_rename(other, mkt_path, &error), MKT_OK);
    mkt_expect_held("two");
    assert_int_equal(unlink(mkt_path), 0);
    assert_int_equal(mkt_package_rename(other, mkt_path, &error), MKT_ERR_FILE_MISSING);
  }
}

static void tells_of_a_full_disk(void **state) {
  (void)state;
  static const int full[] = {ENOSPC, EDQUOT};
  mkt_error error;
  for (size_t i = 0; i < 2; i++) {
    rename_fails = full[i];
    assert_int_equal(mkt_package_rename(other, mkt_path, &error), MKT_ERR_DISK_FULL);
  }
}

/* In the working folder, with slashes at the end, and in the root. */
static void knows_the_folder_that_each_path_is_in(void **state) {
  (void)state;
  mkt_error error;
  char before[4096], deep[sizeof mkt_folder + 16];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(mkt_folder), 0);
  assert_int_equal(mkt_package_make_folders("new//", 0755, &error), MKT_OK);
  assert_int_equal(mkt_package_rename("new/", "moved///", &error), MKT_OK);
  assert_int_equal(mkt_package_make_folders("moved", 0755, &error), MKT_OK);
  assert_int_equal(mkt_package_remove_tree("moved//", &error), MKT_OK);
  assert_int_equal(chdir(before), 0);
  (void)snprintf(deep, sizeof deep, "%s//a", mkt_folder);
  assert_int_equal(mkt_package_make_folders(deep, 0755, &error), MKT_OK);
  assert_int_equal(mkt_package_remove_tree(deep, &error), MKT_OK);
  assert_int_equal(mkt_package_make_folders("/", 0755, &error), MKT_OK);
}

int main(void) {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, mkt_remove_folder)
  const struct CMUnitTest tests[] = {
      IN_A_FOLDER(replaces_nothing_on_any_file_system),
      IN_A_FOLDER(tells_of_a_full_disk),
      IN_A_FOLDER(knows_the_folder_that_each_path_is_in),
  };
#undef IN_A_FOLDER
  return cmocka_run_group_tests(tests, NULL, NULL);
}
