#define _FILE_OFFSET_BITS 64 /* NOLINT(bugprone-reserved-identifier) */

#include "packages/sink.h"
#include "test/folder.h"
#include "test/support.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 3 * MKT_PACKAGE_RING + 12345, PIECE = 16384 };

/* ---- A disk that waits, or fails ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* no byte is written while it is locked */
static int write_fails, sync_fails, read_fails, allocate_fails;
static int interruptions, writes;
static size_t most_at_once;

static long fail_with(int why) {
  errno = why;
  return -1;
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t offset) {
  (void)pthread_mutex_lock(&gate);
  int why = interruptions-- > 0 ? EINTR : write_fails;
  writes++;
  (void)pthread_mutex_unlock(&gate);
  if (why != 0) return fail_with(why);
  if (most_at_once > 0 && n > most_at_once) n = most_at_once;
  return syscall(SYS_pwrite64, fd, buf, n, offset);
}

ssize_t pread64(int fd, void *buf, size_t nbytes, off64_t offset) {
  if (interruptions-- > 0) return fail_with(EINTR);
  if (most_at_once > 0 && nbytes > most_at_once) nbytes = most_at_once;
  return read_fails != 0 ? fail_with(read_fails) : syscall(SYS_pread64, fd, buf, nbytes, offset);
}

int fsync(int fd) {
  return (int)(sync_fails != 0 ? fail_with(sync_fails) : syscall(SYS_fsync, fd));
}

int fallocate64(int fd, int mode, off64_t offset, off64_t len) {
  if (interruptions-- > 0) return (int)fail_with(EINTR);
  if (allocate_fails != 0) return (int)fail_with(allocate_fails);
  return (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

/* ---- An OpenSSL that is short of memory ---- */

static bool fetch_fails;

EVP_MD *EVP_MD_fetch(OSSL_LIB_CTX *ctx, const char *algorithm, const char *properties) {
  EVP_MD *(*original)(OSSL_LIB_CTX *, const char *, const char *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "EVP_MD_fetch");
  return fetch_fails ? NULL : original(ctx, algorithm, properties);
}

static unsigned char *bytes;

static int set_up(void **state) {
  bytes = malloc(SIZE);
  for (size_t i = 0; i < SIZE; i++)
    bytes[i] = (unsigned char)(i * 7 + i / 251);
  write_fails = sync_fails = read_fails = allocate_fails = interruptions = writes = 0;
  most_at_once = 0;
  return mkt_make_folder(state);
}

static int tear_down(void **state) {
  free(bytes);
  return mkt_remove_folder(state);
}

static mkt_code open_sink(mkt_package_sink **sink, bool resumes, mkt_error *error) {
  mkt_package_order order = {.path = mkt_path, .wanted = {.size = SIZE, .sha256 = true}};
  order.resumes = resumes;
  return mkt_package_sink_open(sink, &order, error);
}

static mkt_package_sink *opened(bool resumes) {
  mkt_package_sink *sink;
  mkt_error error;
  assert_int_equal(open_sink(&sink, resumes, &error), MKT_OK);
  return sink;
}

static mkt_http_sink_taken give(mkt_package_sink *sink, mkt_error *error) {
  uint64_t at = mkt_package_sink_written(sink);
  size_t n = SIZE - at < PIECE ? (size_t)(SIZE - at) : PIECE;
  return mkt_package_sink_take(sink, (const char *)bytes + at, n, error);
}

/* Until all is taken, or the sink fails. */
static mkt_http_sink_taken give_all(mkt_package_sink *sink, mkt_error *error) {
  while (mkt_package_sink_written(sink) < SIZE) {
    mkt_http_sink_taken taken = give(sink, error);
    if (taken == MKT_HTTP_SINK_FAILED) return taken;
    while (!mkt_package_sink_has_room(sink))
      (void)usleep(100);
  }
  return MKT_HTTP_SINK_TAKEN;
}

static void expect_whole(mkt_package_sink *sink) {
  mkt_package_found found;
  mkt_error error;
  size_t n;
  assert_int_equal(mkt_package_sink_finish(sink, &found, &error), MKT_OK);
  assert_true(found.has_sha256);
  assert_false(found.has_md5);
  assert_int_equal(found.size, SIZE);
  mkt_package_sink_close(sink);
  char *held = mkt_read_whole_file(mkt_path, &n);
  assert_int_equal(n, SIZE);
  assert_memory_equal(held, bytes, SIZE);
  free(held);
}

/* ---- Room ---- */

static int waker;
static pthread_mutex_t woken_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static int times_woken;

static void wake(void *of) {
  assert_ptr_equal(of, &waker);
  (void)pthread_mutex_lock(&woken_lock);
  times_woken++;
  (void)pthread_cond_signal(&woken);
  (void)pthread_mutex_unlock(&woken_lock);
}

static void takes_as_much_as_the_ring_holds_and_wakes_who_waits(void **state) {
  (void)state;
  mkt_error error;
  mkt_package_sink *sink = opened(false);
  mkt_package_sink_wake_by(sink, wake, &waker);
  times_woken = 0;
  (void)pthread_mutex_lock(&gate);
  assert_true(mkt_package_sink_has_room(sink));
  while (give(sink, &error) == MKT_HTTP_SINK_TAKEN) {
  }
  assert_int_equal(mkt_package_sink_written(sink), MKT_PACKAGE_RING);
  assert_int_equal(give(sink, &error), MKT_HTTP_SINK_FULL);
  assert_false(mkt_package_sink_has_room(sink));
  (void)pthread_mutex_unlock(&gate);
  (void)pthread_mutex_lock(&woken_lock);
  while (times_woken == 0)
    (void)pthread_cond_wait(&woken, &woken_lock);
  (void)pthread_mutex_unlock(&woken_lock);
  assert_true(mkt_package_sink_has_room(sink));
  assert_int_equal(give(sink, &error), MKT_HTTP_SINK_TAKEN);
  mkt_package_sink_wake_by(sink, NULL, NULL);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  expect_whole(sink);
}

static void has_room_again_once_it_is_restarted(void **state) {
  (void)state;
  mkt_error error;
  mkt_package_sink *sink = opened(false);
  mkt_package_sink_wake_by(sink, wake, &waker);
  times_woken = 0;
  (void)pthread_mutex_lock(&gate);
  while (give(sink, &error) == MKT_HTTP_SINK_TAKEN) {
  }
  (void)pthread_mutex_unlock(&gate);
  assert_int_equal(mkt_package_sink_restart(sink, &error), MKT_OK);
  assert_true(mkt_package_sink_has_room(sink));
  mkt_package_sink_wake_by(sink, NULL, NULL);
  assert_int_equal(times_woken, 1);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  expect_whole(sink);
}

static void writes_what_it_has_taken_before_it_closes(void **state) {
  (void)state;
  mkt_error error;
  size_t n;
  mkt_package_sink *sink = opened(false);
  for (int i = 0; i < 3; i++)
    assert_int_equal(give(sink, &error), MKT_HTTP_SINK_TAKEN);
  mkt_package_sink_close(sink);
  char *held = mkt_read_whole_file(mkt_path, &n);
  assert_int_equal(n, 3 * PIECE);
  assert_memory_equal(held, bytes, n);
  free(held);
  sink = opened(true);
  uint64_t offset;
  assert_int_equal(mkt_package_sink_offset(sink, &offset, &error), MKT_OK);
  assert_int_equal(offset, 3 * PIECE);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  expect_whole(sink);
}

static void bears_interruptions_and_short_writes(void **state) {
  (void)state;
  mkt_error error;
  most_at_once = 100000;
  interruptions = 3;
  mkt_package_sink *sink = opened(false);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  expect_whole(sink);
  interruptions = 3;
  expect_whole(opened(true));
}

/* ---- Failures ---- */

static void fails_before_anything_comes_if_there_is_no_room(void **state) {
  (void)state;
  static const int full[] = {ENOSPC, EDQUOT};
  mkt_package_sink *sink;
  mkt_error error;
  for (size_t i = 0; i < 2; i++) {
    allocate_fails = full[i];
    assert_int_equal(open_sink(&sink, i == 1, &error), MKT_ERR_DISK_FULL);
    assert_null(sink);
    assert_non_null(strstr(error.message, "there is no room for it"));
  }
  allocate_fails = EIO;
  assert_int_equal(open_sink(&sink, false, &error), MKT_ERR_FILE_FAILED);
}

static void does_without_if_the_file_system_cannot_keep_room(void **state) {
  (void)state;
  static const int unsupported[] = {EOPNOTSUPP, ENOSYS};
  mkt_error error;
  for (size_t i = 0; i < 2; i++) {
    allocate_fails = unsupported[i];
    mkt_package_sink *sink = opened(false);
    assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
    expect_whole(sink);
  }
}

static void tells_of_a_disk_that_fills_up_until_it_is_restarted(void **state) {
  (void)state;
  mkt_package_found found;
  mkt_error error;
  write_fails = ENOSPC;
  mkt_package_sink *sink = opened(false);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_FAILED);
  assert_int_equal(error.code, MKT_ERR_DISK_FULL);
  assert_non_null(strstr(error.message, "No space left"));
  assert_true(mkt_package_sink_has_room(sink));
  assert_true(mkt_package_sink_is_ready(sink));
  assert_int_equal(mkt_package_sink_finish(sink, &found, &error), MKT_ERR_DISK_FULL);
  assert_int_equal(mkt_package_sink_begin(sink, 0, SIZE, &error), MKT_ERR_DISK_FULL);
  assert_int_equal(writes, 1); /* what follows a failure is not tried */
  write_fails = 0;
  assert_int_equal(mkt_package_sink_restart(sink, &error), MKT_OK);
  assert_int_equal(mkt_package_sink_begin(sink, 0, SIZE, &error), MKT_OK);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  expect_whole(sink);
}

static void tells_of_a_disk_that_does_not_sync(void **state) {
  (void)state;
  mkt_package_found found;
  mkt_error error;
  sync_fails = EIO;
  mkt_package_sink *sink = opened(false);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  assert_int_equal(mkt_package_sink_finish(sink, &found, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, "it cannot be synced"));
  mkt_package_sink_close(sink);
}

static void tells_of_a_disk_that_cannot_be_read(void **state) {
  (void)state;
  uint64_t offset;
  mkt_error error;
  mkt_package_sink *sink = opened(false);
  assert_int_equal(give(sink, &error), MKT_HTTP_SINK_TAKEN);
  mkt_package_sink_close(sink);
  read_fails = EIO;
  sink = opened(true);
  assert_int_equal(mkt_package_sink_offset(sink, &offset, &error), MKT_ERR_FILE_FAILED);
  assert_non_null(strstr(error.message, "it cannot be read"));
  mkt_package_sink_close(sink);
}

static void hashes_again_once_openssl_has_memory(void **state) {
  (void)state;
  mkt_package_sink *sink;
  mkt_error error;
  fetch_fails = true;
  assert_int_equal(open_sink(&sink, false, &error), MKT_ERR_CRYPTO_FAILED);
  fetch_fails = false;
  sink = opened(false);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  expect_whole(sink);
}

/* ---- Forks ---- */

static void may_be_closed_in_a_forked_child(void **state) {
  (void)state;
  mkt_error error;
  int status = 0;
  mkt_package_sink *sink = opened(false);
  assert_int_equal(give(sink, &error), MKT_HTTP_SINK_TAKEN);
  assert_true(mkt_package_sink_is_ours(sink));
  pid_t child = fork();
  if (child == 0) {
    bool is_ours = mkt_package_sink_is_ours(sink);
    mkt_package_sink_close(sink);
    _exit(is_ours ? 1 : 0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_int_equal(give_all(sink, &error), MKT_HTTP_SINK_TAKEN);
  expect_whole(sink);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
      IN_A_FOLDER(hashes_again_once_openssl_has_memory),
      IN_A_FOLDER(takes_as_much_as_the_ring_holds_and_wakes_who_waits),
      IN_A_FOLDER(has_room_again_once_it_is_restarted),
      IN_A_FOLDER(writes_what_it_has_taken_before_it_closes),
      IN_A_FOLDER(bears_interruptions_and_short_writes),
      IN_A_FOLDER(fails_before_anything_comes_if_there_is_no_room),
      IN_A_FOLDER(does_without_if_the_file_system_cannot_keep_room),
      IN_A_FOLDER(tells_of_a_disk_that_fills_up_until_it_is_restarted),
      IN_A_FOLDER(tells_of_a_disk_that_does_not_sync),
      IN_A_FOLDER(tells_of_a_disk_that_cannot_be_read),
      IN_A_FOLDER(may_be_closed_in_a_forked_child),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
