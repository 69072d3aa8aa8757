/* as sqlite/holder.c: the calls that this program replaces must be the ones that that makes */
#define _FILE_OFFSET_BITS 64 /* NOLINT(bugprone-reserved-identifier) */

#include "sqlite/holder.h"
#include "test/folder.h"
#include "test/support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- In place of libc's ---- */

/* What is drawn first, in this order; then what the system draws. */
static uint64_t drawn[16];
static int drawn_n;

ssize_t getrandom(void *p, size_t n, unsigned flags) {
  if (drawn_n == 0) return syscall(SYS_getrandom, p, n, flags);
  memcpy(p, &drawn[0], sizeof drawn[0]);
  memmove(&drawn[0], &drawn[1], sizeof drawn - sizeof drawn[0]);
  drawn_n--;
  return (ssize_t)sizeof drawn[0];
}

/* What locks of open files fail with, or 0. */
static int no_locks;

int fcntl(int fd, int cmd, ...) {
  va_list arguments;
  va_start(arguments, cmd);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  bool is_about_locks = cmd == F_OFD_SETLK || cmd == F_OFD_GETLK;
  if (no_locks == 0 || !is_about_locks) return (int)syscall(SYS_fcntl, fd, cmd, argument);
  errno = no_locks;
  return -1;
}

/* Whether the file is made by another process between two looks. */
static bool is_raced;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int open(const char *path, int flags, ...) {
  if (is_raced && (flags & O_CREAT) == 0) {
    is_raced = false;
    assert_int_equal(mkt_put(path, "", MKT_FILE_NEW, NULL), MKT_OK);
    errno = ENOENT;
    return -1;
  }
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static void draw_next(int64_t number) {
  drawn[drawn_n++] = (uint64_t)number << 11;
}

static int make_folder(void **state) {
  drawn_n = 0;
  no_locks = 0;
  is_raced = false;
  return mkt_make_folder(state);
}

/* ---- */

static bool is_held(int64_t number) {
  bool held = false;
  assert_int_equal(mkt_sqlite_is_held(mkt_path, number, &held, NULL), MKT_OK);
  return held;
}

static mkt_sqlite_holder open_holder(void) {
  mkt_sqlite_holder holder = {0};
  assert_int_equal(mkt_sqlite_holder_open(&holder, mkt_path, NULL), MKT_OK);
  return holder;
}

static void is_held_until_it_is_closed(void **state) {
  (void)state;
  mkt_sqlite_holder first = open_holder();
  mkt_sqlite_holder second = open_holder();
  int64_t numbers[] = {mkt_sqlite_holder_number(&first), mkt_sqlite_holder_number(&second)};
  for (int i = 0; i < 2; i++) {
    assert_in_range(numbers[i], 1, MKT_SQLITE_HOLDER_END - 1);
    assert_true(is_held(numbers[i]));
    assert_false(is_held(numbers[i] - 1));
  }
  assert_int_not_equal(numbers[0], numbers[1]);
  mkt_sqlite_holder_close(&first);
  mkt_sqlite_holder_close(&first);
  assert_int_equal(mkt_sqlite_holder_number(&first), 0);
  assert_false(is_held(numbers[0]));
  assert_true(is_held(numbers[1]));
  mkt_sqlite_holder_close(&second);
  assert_false(is_held(numbers[1]));
}

/* The lock belongs to the open file: another descriptor of the same file takes nothing away. */
static void asking_takes_nothing_away(void **state) {
  (void)state;
  mkt_sqlite_holder holder = open_holder();
  for (int i = 0; i < 3; i++)
    assert_true(is_held(holder.number));
  mkt_sqlite_holder_close(&holder);
}

static void draws_again_what_another_has_and_nothing(void **state) {
  (void)state;
  draw_next(7);
  mkt_sqlite_holder first = open_holder();
  draw_next(7);
  draw_next(0);
  draw_next(MKT_SQLITE_HOLDER_END - 1);
  mkt_sqlite_holder second = open_holder();
  assert_int_equal(first.number, 7);
  assert_int_equal(second.number, MKT_SQLITE_HOLDER_END - 1);
  assert_true(is_held(7) && is_held(MKT_SQLITE_HOLDER_END - 1));
  mkt_sqlite_holder_close(&second);
  mkt_sqlite_holder_close(&first);
}

static void gives_up_if_all_is_locked(void **state) {
  (void)state;
  mkt_sqlite_holder holder = {0};
  mkt_error error;
  int fd = open(mkt_path, O_RDWR | O_CREAT, 0600);
  struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
  assert_int_equal(mkt_sqlite_holder_open(&holder, mkt_path, &error), MKT_ERR_LOCKED);
  assert_int_equal(close(fd), 0);
}

static int next_descriptor(void) {
  int fd = dup(STDIN_FILENO);
  assert_int_equal(close(fd), 0);
  return fd;
}

static void says_that_there_are_no_such_locks(void **state) {
  (void)state;
  int descriptor = next_descriptor();
  static const int reasons[] = {EINVAL, ENOLCK, ENOSYS, ENOTSUP};
  mkt_error error;
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
    mkt_sqlite_holder holder = {0};
    bool held;
    no_locks = reasons[i];
    assert_int_equal(mkt_sqlite_holder_open(&holder, mkt_path, &error), MKT_ERR_LOCKS_UNSUPPORTED);
    assert_non_null(strstr(error.message, "its file system has no locks of open files"));
    assert_non_null(strstr(error.message, strerror(reasons[i])));
    assert_int_equal(mkt_sqlite_is_held(mkt_path, 1, &held, &error), MKT_ERR_LOCKS_UNSUPPORTED);
    assert_int_equal(mkt_sqlite_holder_number(&holder), 0);
    mkt_sqlite_holder_close(&holder);
  }
  no_locks = EIO;
  mkt_sqlite_holder holder = {0};
  assert_int_equal(mkt_sqlite_holder_open(&holder, mkt_path, &error), MKT_ERR_FILE_FAILED);
  assert_int_equal(next_descriptor(), descriptor);
}

static void the_file_is_its_owners_alone(void **state) {
  (void)state;
  static const mode_t masks[] = {0, 022, 0777};
  struct stat file;
  for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
    mode_t before = umask(masks[i]);
    assert_int_equal(mkt_sqlite_holders_make(mkt_path, NULL), MKT_OK);
    (void)umask(before);
    assert_int_equal(stat(mkt_path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    mkt_sqlite_holder holder = open_holder();
    assert_int_equal(fcntl(holder.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    mkt_sqlite_holder_close(&holder);
    assert_int_equal(stat(mkt_path, &file), 0);
    assert_int_equal(file.st_size, 0);
    assert_int_equal(unlink(mkt_path), 0);
  }
}

static void shares_a_file_that_another_makes_meanwhile(void **state) {
  (void)state;
  is_raced = true;
  mkt_sqlite_holder holder = open_holder();
  assert_true(is_held(holder.number));
  mkt_sqlite_holder_close(&holder);
}

static void does_not_wait_for_a_pipe(void **state) {
  (void)state;
  assert_int_equal(mkfifo(mkt_path, 0600), 0);
  assert_false(is_held(1));
}

static void tells_what_cannot_be_opened(void **state) {
  (void)state;
  mkt_sqlite_holder holder = {0};
  mkt_error error;
  bool held;
  assert_int_equal(mkt_sqlite_is_held(mkt_path, 1, &held, &error), MKT_ERR_FILE_MISSING);
  assert_int_equal(symlink("file", mkt_link_path), 0);
  const char *const refused[] = {mkt_folder, mkt_link_path, "/nowhere/at/all"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    assert_int_equal(mkt_sqlite_holder_open(&holder, refused[i], &error), MKT_ERR_FILE_FAILED);
    assert_non_null(strstr(error.message, refused[i]));
    assert_int_equal(mkt_sqlite_holders_make(refused[i], &error), MKT_ERR_FILE_FAILED);
  }
  assert_int_equal(mkt_sqlite_is_held(mkt_link_path, 1, &held, &error), MKT_ERR_FILE_FAILED);
  assert_int_equal(mkt_names(), 1);
}

/* ---- Other processes ---- */

/* A child that runs `task` and waits until the pipe's other end is closed. Returns once it has run
 * it. */
typedef struct child {
  pid_t pid;
  int ends[2]; /* to close, and to read from */
} child;

static child start_child(void (*task)(mkt_sqlite_holder *), mkt_sqlite_holder *holder) {
  int to_end[2];
  int ready[2];
  char byte = 0;
  assert_int_equal(pipe(to_end), 0);
  assert_int_equal(pipe(ready), 0);
  child made = {.pid = fork(), .ends = {to_end[1], ready[0]}};
  assert_true(made.pid >= 0);
  if (made.pid == 0) {
    (void)close(to_end[1]);
    task(holder);
    bool told = write(ready[1], &holder->number, sizeof holder->number) > 0;
    _exit(told && read(to_end[0], &byte, 1) == 0 ? 0 : 1);
  }
  (void)close(to_end[0]);
  (void)close(ready[1]);
  assert_int_equal(read(ready[0], &holder->number, sizeof holder->number), sizeof holder->number);
  return made;
}

static void end_child(const child *made, int signal_number) {
  if (signal_number != 0) assert_int_equal(kill(made->pid, signal_number), 0);
  (void)close(made->ends[0]);
  (void)close(made->ends[1]);
  assert_int_equal(waitpid(made->pid, NULL, 0), made->pid);
}

static void open_in_child(mkt_sqlite_holder *holder) {
  (void)mkt_sqlite_holder_open(holder, mkt_path, NULL);
}

static void dies_with_its_process(void **state) {
  (void)state;
  static const int ways[] = {0, SIGKILL};
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    mkt_sqlite_holder theirs = {0};
    child made = start_child(open_in_child, &theirs);
    assert_int_not_equal(theirs.number, 0);
    assert_true(is_held(theirs.number));
    end_child(&made, ways[i]);
    assert_false(is_held(theirs.number));
  }
}

static void lives_on_in_a_stopped_process(void **state) {
  (void)state;
  mkt_sqlite_holder theirs = {0};
  child made = start_child(open_in_child, &theirs);
  assert_int_equal(kill(made.pid, SIGSTOP), 0);
  assert_int_equal(waitpid(made.pid, NULL, WUNTRACED), made.pid);
  assert_true(is_held(theirs.number));
  end_child(&made, SIGKILL);
}

static void close_in_child(mkt_sqlite_holder *holder) {
  mkt_sqlite_holder inherited = *holder;
  holder->number = mkt_sqlite_holder_number(&inherited);
  mkt_sqlite_holder_close(&inherited);
}

static void is_not_a_forked_childs(void **state) {
  (void)state;
  mkt_sqlite_holder ours = open_holder();
  mkt_sqlite_holder theirs = ours;
  child made = start_child(close_in_child, &theirs);
  assert_int_equal(theirs.number, 0);
  assert_true(is_held(ours.number));
  int64_t number = ours.number;
  mkt_sqlite_holder_close(&ours);
  assert_false(is_held(number));
  end_child(&made, 0);
}

static void do_nothing(mkt_sqlite_holder *holder) {
  (void)holder;
}

static void lives_as_long_as_a_forked_child_has_it(void **state) {
  (void)state;
  mkt_sqlite_holder ours = open_holder();
  mkt_sqlite_holder theirs = ours;
  child made = start_child(do_nothing, &theirs);
  mkt_sqlite_holder_close(&ours);
  assert_true(is_held(theirs.number));
  end_child(&made, SIGKILL);
  assert_false(is_held(theirs.number));
}

int main(void) {
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, mkt_remove_folder)
  const struct CMUnitTest tests[] = {
      IN_A_FOLDER(is_held_until_it_is_closed),
      IN_A_FOLDER(asking_takes_nothing_away),
      IN_A_FOLDER(draws_again_what_another_has_and_nothing),
      IN_A_FOLDER(gives_up_if_all_is_locked),
      IN_A_FOLDER(says_that_there_are_no_such_locks),
      IN_A_FOLDER(the_file_is_its_owners_alone),
      IN_A_FOLDER(shares_a_file_that_another_makes_meanwhile),
      IN_A_FOLDER(does_not_wait_for_a_pipe),
      IN_A_FOLDER(tells_what_cannot_be_opened),
      IN_A_FOLDER(dies_with_its_process),
      IN_A_FOLDER(lives_on_in_a_stopped_process),
      IN_A_FOLDER(is_not_a_forked_childs),
      IN_A_FOLDER(lives_as_long_as_a_forked_child_has_it),
  };
#undef IN_A_FOLDER
  return cmocka_run_group_tests_name("holder", tests, NULL, NULL);
}
