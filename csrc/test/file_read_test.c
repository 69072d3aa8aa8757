#include "core/file_read.h"
#include "test/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/marketplace-read-XXXXXX";
static char path[128];

static int make_folder(void **state) {
  (void)state;
  memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
  if (mkdtemp(folder) == NULL) return -1;
  (void)snprintf(path, sizeof path, "%s/file", folder);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  (void)unlink(path);
  return rmdir(folder);
}

static void write_letters(const char *to, size_t n) {
  FILE *file = fopen(to, "wb");
  assert_non_null(file);
  for (size_t i = 0; i < n; i++)
    assert_int_not_equal(fputc('a' + (int)(i % 26), file), EOF);
  assert_int_equal(fclose(file), 0);
}

static void expect_letters(const mkt_buffer *bytes, size_t n) {
  assert_int_equal(bytes->n, n);
  for (size_t i = 0; i < n; i++)
    assert_int_equal(bytes->p[i], 'a' + (int)(i % 26));
}

static void expect_read(size_t n, size_t most) {
  mkt_buffer bytes;
  mkt_error error;
  write_letters(path, n);
  mkt_buffer_init(&bytes, most);
  assert_int_equal(mkt_file_read(path, &bytes, &error), MKT_OK);
  expect_letters(&bytes, n);
  mkt_buffer_clear(&bytes);
}

/* It reads 16 KiB at a time. */
static void reads_files_of_any_length(void **state) {
  (void)state;
  static const size_t lengths[] = {0, 1, 16383, 16384, 16385, 32768, 100000};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
    expect_read(lengths[i], 1 << 20);
}

static void takes_as_many_bytes_as_allowed_and_no_more(void **state) {
  (void)state;
  static const size_t limits[] = {0, 5, 16384, 20000};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    mkt_buffer bytes;
    mkt_error error;
    char said[32];
    expect_read(limits[i], limits[i]);
    write_letters(path, limits[i] + 1);
    mkt_buffer_init(&bytes, limits[i]);
    assert_int_equal(mkt_file_read(path, &bytes, &error), MKT_ERR_TOO_LARGE);
    (void)snprintf(said, sizeof said, "larger than %zu bytes", limits[i]);
    assert_non_null(strstr(error.message, said));
    assert_non_null(strstr(error.message, path));
    mkt_buffer_clear(&bytes);
  }
}

static void reads_what_comes_in_pieces(void **state) {
  (void)state;
  assert_int_equal(mkfifo(path, 0600), 0);
  pid_t writer = fork();
  if (writer == 0) {
    FILE *pipe = fopen(path, "wb");
    if (pipe == NULL || setvbuf(pipe, NULL, _IONBF, 0) != 0) _exit(1);
    for (int i = 0; i < 100; i++)
      if (fputc('a' + i % 26, pipe) == EOF) _exit(1);
    _exit(fclose(pipe) == 0 ? 0 : 1);
  }
  mkt_buffer bytes;
  mkt_buffer_init(&bytes, 1000);
  assert_int_equal(mkt_file_read(path, &bytes, NULL), MKT_OK);
  expect_letters(&bytes, 100);
  mkt_buffer_clear(&bytes);
  int status = -1;
  assert_int_equal(waitpid(writer, &status, 0), writer);
  assert_int_equal(status, 0);
}

static void says_which_file_cannot_be_read_and_why(void **state) {
  (void)state;
  mkt_buffer bytes;
  mkt_error error;
  mkt_buffer_init(&bytes, 1000);
  assert_int_equal(mkt_file_read(path, &bytes, &error), MKT_ERR_FILE_MISSING);
  assert_non_null(strstr(error.message, "/file: No such file or directory"));
  assert_int_equal(mkt_file_read(folder, &bytes, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, ": Is a directory"));
  assert_int_equal(bytes.n, 0);
}

int main(void) {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      IN_A_FOLDER(reads_files_of_any_length),
      IN_A_FOLDER(takes_as_many_bytes_as_allowed_and_no_more),
      IN_A_FOLDER(reads_what_comes_in_pieces),
      IN_A_FOLDER(says_which_file_cannot_be_read_and_why),
  };
#undef IN_A_FOLDER
  return cmocka_run_group_tests_name("file_read", tests, NULL, NULL);
}
