#include "core/alloc.h"
#include "core/log_writer.h"
#include "test/support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* More than a pipe and the ring have room for. The ring is small, so that lines wrap in it. */
enum { RING_BYTES = 5000, MANY = 40000, LONG_ENOUGH = 60000, LINE_BYTES = 64 };

typedef struct a_pipe {
  int in, out;
} a_pipe;

static a_pipe open_pipe(int flags) {
  int ends[2];
  assert_int_equal(pipe2(ends, flags), 0);
  return (a_pipe){.in = ends[1], .out = ends[0]};
}

/* A terminal whose other side reads nothing, as one that is stopped. */
static a_pipe open_terminal(int flags) {
  struct termios mode;
  a_pipe p = {.out = posix_openpt(O_RDWR | O_NOCTTY)};
  assert_true(p.out >= 0 && grantpt(p.out) == 0 && unlockpt(p.out) == 0);
  p.in = open(ptsname(p.out), O_RDWR | O_NOCTTY | flags);
  assert_int_equal(tcgetattr(p.in, &mode), 0);
  cfmakeraw(&mode);
  assert_int_equal(tcsetattr(p.in, TCSANOW, &mode), 0);
  return p;
}

static mkt_log_writer *open_writer(int fd) {
  mkt_log_writer *writer;
  mkt_error error;
  assert_int_equal(mkt_log_writer_open(&writer, fd, RING_BYTES, &error), MKT_OK);
  return writer;
}

/* A line that tells its own number and length, and is longer the larger the number. */
static size_t make_line(char *line, int writer, int number) {
  int n = snprintf(line, LINE_BYTES, "%d %d ", writer, number);
  for (int i = 0; i < number % 40; i++)
    line[n++] = 'x';
  line[n++] = '\n';
  return (size_t)n;
}

static bool add(mkt_log_writer *writer, int number) {
  char line[LINE_BYTES];
  return mkt_log_writer_add(writer, line, make_line(line, 1, number));
}

static void read_numbers(const char *line, int *writer, int *number) {
  char *rest;
  *writer = (int)strtol(line, &rest, 10);
  *number = (int)strtol(rest, NULL, 10);
}

/* Reads lines until the last one, and checks that they are whole and in order; how many. */
static int read_lines(int fd, int last) {
  int own = dup(fd);
  FILE *stream = fdopen(own, "r");
  char line[LINE_BYTES + 1], expected[LINE_BYTES];
  int count = 0, before = -1, number = -1, writer;
  while (number != last && fgets(line, sizeof line, stream) != NULL) {
    read_numbers(line, &writer, &number);
    assert_true(number > before);
    assert_int_equal(strlen(line), make_line(expected, writer, number));
    assert_memory_equal(line, expected, strlen(line));
    before = number;
    count++;
  }
  (void)fclose(stream);
  return count;
}

static void writes_lines_in_order(void **state) {
  (void)state;
  a_pipe p = open_pipe(0);
  mkt_log_writer *writer = open_writer(p.in);
  for (int i = 0; i < 100; i++)
    assert_true(add(writer, i));
  assert_int_equal(read_lines(p.out, 99), 100);
  assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
  assert_int_equal(mkt_log_writer_failures(writer).lines, 0);
  mkt_log_writer_close(writer, LONG_ENOUGH);
  (void)close(p.in);
  (void)close(p.out);
}

static bool is_full(int fd) {
  return poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 0) == 0;
}

/* Adds until the pipe and the ring are full, and then some; the number of the last line that there
 * was room for. */
static int fill(mkt_log_writer *writer, a_pipe p, int *added) {
  int last = -1;
  *added = 0;
  for (int i = 0; i < MANY; i++) {
    if (add(writer, i)) {
      last = i;
      (*added)++;
    } else if (!is_full(p.in)) {
      (void)mkt_log_writer_flush(writer, 1);
    }
  }
  assert_true(*added < MANY && is_full(p.in));
  return last;
}

static void waits_for_no_reader(void **state) {
  (void)state;
  static const struct {
    a_pipe (*open)(int flags);
    int flags;
  } kinds[] = {
      {open_pipe, 0}, {open_pipe, O_NONBLOCK}, {open_terminal, 0}, {open_terminal, O_NONBLOCK}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    int added;
    a_pipe p = kinds[i].open(kinds[i].flags);
    mkt_log_writer *writer = open_writer(p.in);
    int last = fill(writer, p, &added);
    assert_false(mkt_log_writer_flush(writer, 1));
    assert_int_equal(fcntl(p.out, F_SETFL, 0), 0);
    assert_int_equal(read_lines(p.out, last), added);
    assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
    assert_true(add(writer, MANY));
    assert_int_equal(read_lines(p.out, MANY), 1);
    assert_int_equal(mkt_log_writer_failures(writer).lines, 0);
    mkt_log_writer_close(writer, LONG_ENOUGH);
    assert_int_equal(fcntl(p.in, F_GETFL) & O_NONBLOCK, kinds[i].flags);
    (void)close(p.in);
    (void)close(p.out);
  }
}

static void ends_though_the_reader_is_stuck(void **state) {
  (void)state;
  static const int flags[] = {0, O_NONBLOCK};
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    int added;
    a_pipe p = open_pipe(flags[i]);
    mkt_log_writer *writer = open_writer(p.in);
    (void)fill(writer, p, &added);
    mkt_log_writer_close(writer, 1);
    (void)close(p.in);
    /* ends once the thread has closed the pipe */
    char bytes[4096];
    while (poll(&(struct pollfd){.fd = p.out, .events = POLLIN}, 1, -1) == 1 &&
           read(p.out, bytes, sizeof bytes) != 0) {
    }
    (void)close(p.out);
  }
}

static void drops_what_cannot_be_written(void **state) {
  (void)state;
  a_pipe p = open_pipe(0);
  (void)close(p.out);
  int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  assert_true(full >= 0);
  const struct { int fd, number; } cases[] = {{p.in, EPIPE}, {full, ENOSPC}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mkt_log_writer *writer = open_writer(cases[i].fd);
    int added = 0;
    for (int k = 0; k < 1000; k++)
      added += add(writer, k);
    assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
    mkt_log_failures failures = mkt_log_writer_failures(writer);
    assert_int_equal(failures.lines, added);
    assert_int_equal(failures.number, cases[i].number);
    assert_true(failures.lasts);
    mkt_log_writer_close(writer, LONG_ENOUGH);
    (void)close(cases[i].fd);
  }
}

/* A file that may have so many bytes, until the test sets another limit. */
static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void begins_a_line_after_one_that_broke_off(void **state) {
  (void)state;
  char path[] = "/tmp/log_writer_test.XXXXXX", text[100];
  int fd = mkstemp(path);
  mkt_log_writer *writer = open_writer(fd);
  limit_files(8);
  assert_true(mkt_log_writer_add(writer, "12345\nabcdef\n", 13));
  assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
  assert_int_equal(mkt_log_writer_failures(writer).lines, 1);
  assert_int_equal(mkt_log_writer_failures(writer).number, EFBIG);
  assert_true(mkt_log_writer_add(writer, "lost\n", 5));
  assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
  assert_true(mkt_log_writer_failures(writer).lasts);
  limit_files(RLIM_INFINITY);
  assert_true(mkt_log_writer_add(writer, "new\n", 4));
  assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
  assert_int_equal(mkt_log_writer_failures(writer).lines, 2);
  assert_false(mkt_log_writer_failures(writer).lasts);
  ssize_t n = pread(fd, text, sizeof text, 0);
  assert_int_equal(n, 13);
  assert_memory_equal(text, "12345\nab\nnew\n", 13);
  mkt_log_writer_close(writer, LONG_ENOUGH);
  (void)close(fd);
  (void)unlink(path);
}

/* Lines of several writers, in processes of their own, on one pipe. */
static void keeps_lines_whole_beside_others(void **state) {
  (void)state;
  enum { WRITERS = 3, LINES = 5000 };
  a_pipe p = open_pipe(0);
  for (int i = 0; i < WRITERS; i++) {
    if (fork() != 0) continue;
    mkt_log_writer *writer = open_writer(p.in);
    char line[LINE_BYTES];
    for (int k = 0; k < LINES; k++) {
      while (!mkt_log_writer_add(writer, line, make_line(line, i, k)))
        (void)mkt_log_writer_flush(writer, LONG_ENOUGH);
    }
    mkt_log_writer_close(writer, LONG_ENOUGH);
    _exit(0);
  }
  (void)close(p.in);
  FILE *stream = fdopen(p.out, "r");
  char line[LINE_BYTES + 1], expected[LINE_BYTES];
  int next[WRITERS] = {0}, writer, number;
  while (fgets(line, sizeof line, stream) != NULL) {
    read_numbers(line, &writer, &number);
    assert_int_equal(number, next[writer]++);
    assert_int_equal(strlen(line), make_line(expected, writer, number));
  }
  for (int i = 0; i < WRITERS; i++) {
    assert_int_equal(next[i], LINES);
    assert_true(wait(NULL) > 0);
  }
  (void)fclose(stream);
}

static int status_of(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void leaves_its_lines_to_the_parent(void **state) {
  (void)state;
  a_pipe p = open_pipe(0), other = open_pipe(0);
  int added;
  mkt_log_writer *writer = open_writer(p.in);
  int last = fill(writer, p, &added);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) exit(0); /* without a word */
  assert_int_equal(status_of(child), 0);
  child = fork();
  assert_true(child >= 0);
  if (child == 0) { /* its own line goes elsewhere, as the pipe is full */
    (void)dup2(other.in, p.in);
    mkt_log_writer_close(writer, LONG_ENOUGH);
    writer = open_writer(p.in);
    if (!add(writer, 7)) _exit(1);
    exit(0);
  }
  assert_int_equal(status_of(child), 0);
  assert_int_equal(read_lines(other.out, 7), 1);
  assert_int_equal(read_lines(p.out, last), added);
  mkt_log_writer_close(writer, LONG_ENOUGH);
  (void)close(p.in);
  assert_int_equal(read_lines(p.out, last), 0);
  (void)close(p.out);
  (void)close(other.in);
  (void)close(other.out);
}

static void writes_on_in_a_child(void **state) {
  (void)state;
  a_pipe p = open_pipe(0);
  mkt_log_writer *writer = open_writer(p.in);
  assert_true(add(writer, 1));
  assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (mkt_log_writer_failures(writer).lines != 0 || !mkt_log_writer_flush(writer, 0)) _exit(1);
    if (!add(writer, 2)) _exit(2);
    exit(0);
  }
  assert_int_equal(status_of(child), 0);
  assert_true(add(writer, 3));
  assert_int_equal(read_lines(p.out, 3), 3);
  mkt_log_writer_close(writer, LONG_ENOUGH);
  (void)close(p.in);
  (void)close(p.out);
}

static void counts_on_in_a_child(void **state) {
  (void)state;
  a_pipe p = open_pipe(0);
  mkt_log_writer *writer = open_writer(p.in);
  (void)close(p.out);
  assert_true(add(writer, 1));
  assert_true(mkt_log_writer_flush(writer, LONG_ENOUGH));
  assert_int_equal(mkt_log_writer_failures(writer).lines, 1);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const mkt_log_failures inherited = mkt_log_writer_failures(writer);
    if (inherited.lines != 1 || inherited.number != EPIPE || inherited.lasts) _exit(1);
    if (!add(writer, 2) || !mkt_log_writer_flush(writer, LONG_ENOUGH)) _exit(2);
    _exit(mkt_log_writer_failures(writer).lines == 2 ? 0 : 3);
  }
  assert_int_equal(status_of(child), 0);
  mkt_log_writer_close(writer, LONG_ENOUGH);
  (void)close(p.in);
}

static void writes_what_is_left_at_exit(void **state) {
  (void)state;
  a_pipe p = open_pipe(0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    mkt_log_writer *writer = open_writer(p.in);
    for (int i = 0; i < 100; i++)
      if (!add(writer, i)) _exit(1);
    exit(3);
  }
  assert_int_equal(status_of(child), 3);
  assert_int_equal(read_lines(p.out, 99), 100);
  (void)close(p.in);
  (void)close(p.out);
}

static void exits_though_the_reader_is_stuck(void **state) {
  (void)state;
  a_pipe p = open_pipe(0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    int added;
    (void)fill(open_writer(p.in), p, &added);
    exit(4);
  }
  assert_int_equal(status_of(child), 4);
  (void)close(p.in);
  (void)close(p.out);
}

static void leaves_signals_to_others(void **state) {
  (void)state;
  sigset_t set, before, pending;
  int number;
  mkt_log_writer *writer = open_writer(STDERR_FILENO);
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGTERM);
  assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
  assert_int_equal(kill(getpid(), SIGTERM), 0);
  assert_int_equal(sigpending(&pending), 0);
  assert_int_equal(sigismember(&pending, SIGTERM), 1);
  assert_int_equal(sigwait(&set, &number), 0);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
  mkt_log_writer_close(writer, LONG_ENOUGH);
}

typedef struct failing {
  int countdown, live;
} failing;

static void *failing_resize(void *context, void *block, size_t bytes) {
  failing *f = context;
  if (f->countdown-- == 0) return NULL;
  if (block == NULL) f->live++;
  return realloc(block, bytes);
}

static void failing_release(void *context, void *block) {
  failing *f = context;
  if (block != NULL) f->live--;
  free(block);
}

static void fail_after(failing *f, int allocations) {
  f->countdown = allocations;
}

static void fails_without_a_trace(void **state) {
  (void)state;
  mkt_log_writer *writer;
  mkt_error error;
  failing f = {0, 0};
  mkt_alloc_use(&(mkt_allocator){failing_resize, failing_release, &f});
  for (int at = 0; at < 3; at++) {
    fail_after(&f, at);
    mkt_code code = mkt_log_writer_open(&writer, STDERR_FILENO, RING_BYTES, &error);
    assert_int_equal(code, MKT_ERR_OUT_OF_MEMORY);
    assert_null(writer);
    assert_int_equal(f.live, 0);
  }
  fail_after(&f, 3);
  assert_int_equal(mkt_log_writer_open(&writer, STDERR_FILENO, RING_BYTES, &error), MKT_OK);
  mkt_log_writer_close(writer, LONG_ENOUGH);
  fail_after(&f, -1);
  assert_int_equal(mkt_log_writer_open(&writer, 12345, RING_BYTES, &error), MKT_ERR_OUT_OF_MEMORY);
  assert_non_null(strstr(error.message, "Bad file descriptor"));
  assert_int_equal(f.live, 0);
  mkt_log_writer_close(NULL, 0);
  mkt_alloc_use(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      /* first, as no other thread may allocate while the allocator is replaced */
      cmocka_unit_test(fails_without_a_trace),
      cmocka_unit_test(writes_lines_in_order),
      cmocka_unit_test(waits_for_no_reader),
      cmocka_unit_test(ends_though_the_reader_is_stuck),
      cmocka_unit_test(drops_what_cannot_be_written),
      cmocka_unit_test(begins_a_line_after_one_that_broke_off),
      cmocka_unit_test(keeps_lines_whole_beside_others),
      cmocka_unit_test(leaves_its_lines_to_the_parent),
      cmocka_unit_test(writes_on_in_a_child),
      cmocka_unit_test(counts_on_in_a_child),
      cmocka_unit_test(writes_what_is_left_at_exit),
      cmocka_unit_test(exits_though_the_reader_is_stuck),
      cmocka_unit_test(leaves_signals_to_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
