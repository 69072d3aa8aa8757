#include "core/signals.h"
#include "core/timestamp.h"
#include "test/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* valgrind delivers a signal some time after the system has: it is looked for a while longer. */
enum { ROUNDS = 6000, LOOKS = 500, MOST_LATE = 1000, MOST_STOPPING_SECONDS = 20 };

static bool is_over(timer_t timer) {
  struct itimerspec left;
  assert_int_equal(timer_gettime(timer, &left), 0);
  return left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0;
}

/* A SIGHUP that comes after so many nanoseconds, while nothing is done but to look for it. */
static bool sees_reload_after(timer_t timer, long nanoseconds) {
  const struct itimerspec once = {.it_value = {.tv_nsec = nanoseconds}};
  assert_int_equal(timer_settime(timer, 0, &once, NULL), 0);
  for (int late = 0; late < MOST_LATE; late += is_over(timer)) {
    for (int i = 0; i < LOOKS; i++) {
      if (mkt_signals_take_reload()) return true;
    }
  }
  return false;
}

static void loses_no_reload(void **state) {
  (void)state;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGHUP};
  timer_t timer;
  int lost = 0;
  mkt_signals_catch();
  assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  for (long i = 0; i < ROUNDS; i++) {
    if (!sees_reload_after(timer, 20000 + i % 1000)) lost++;
  }
  assert_int_equal(timer_delete(timer), 0);
  assert_int_equal(lost, 0);
  assert_false(mkt_signals_take_reload());
  assert_false(mkt_signals_stop_asked());
}

static void a_pipe_without_a_reader_ends_nothing(void **state) {
  (void)state;
  int ends[2];
  mkt_signals_catch();
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(close(ends[0]), 0);
  assert_int_equal(write(ends[1], "x", 1), -1);
  assert_int_equal(close(ends[1]), 0);
}

static void programs_that_are_started_have_their_own_dispositions(void **state) {
  (void)state;
  mkt_signals_catch();
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    (void)execl("/bin/sh", "sh", "-c", "kill -s PIPE $$; exit 0", (char *)NULL);
    _exit(1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static bool is_first_of_container;

/* In place of the system's, which the code under test calls. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int pthread_kill(pthread_t thread, int number) {
  (void)thread;
  return is_first_of_container ? 0 : kill(getpid(), number);
}

/* A process that does nothing else, and ends as whoever waits for it sees. */
static int end_of(void (*run)(const mkt_last_line *line), int log) {
  static const char text[] = "at 1970-01-01T00:00:00.000Z: ended\n";
  const mkt_last_line line = {.fd = log, .p = text, .n = sizeof text - 1, .time_at = 3};
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    mkt_signals_catch();
    run(&line);
    while (mkt_signals_stopping_for() < MOST_STOPPING_SECONDS) {
    }
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static int signal_of(void (*run)(const mkt_last_line *line), int log) {
  int status = end_of(run, log);
  assert_true(WIFSIGNALED(status));
  return WTERMSIG(status);
}

static void is_asked_to_end(const mkt_last_line *line) {
  mkt_error error;
  (void)mkt_signals_limit_stop(0.05, line, &error);
  (void)mkt_signals_limit_stop(86400, line, &error); /* only the first counts */
  (void)kill(getpid(), SIGTERM);
}

static void was_asked_to_end(const mkt_last_line *line) {
  mkt_error error;
  (void)kill(getpid(), SIGINT);
  (void)mkt_signals_limit_stop(0.05, line, &error);
}

static void a_stop_ends_in_time(void **state) {
  (void)state;
  static const struct {
    void (*run)(const mkt_last_line *line);
    int number;
  } cases[] = {{is_asked_to_end, SIGTERM}, {was_asked_to_end, SIGINT}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int ends[2];
    char text[64] = "";
    mkt_timestamp at;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(signal_of(cases[i].run, ends[1]), cases[i].number);
    assert_int_equal(read(ends[0], text, sizeof text), 35);
    assert_true(mkt_timestamp_parse(text + 3, 24, &at));
    assert_true(labs((long)(at.seconds - time(NULL))) < 3600);
    assert_string_equal(text + 27, ": ended\n");
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
  }
}

static void was_asked_to_end_before(const mkt_last_line *line) {
  (void)line;
  (void)kill(getpid(), SIGTERM);
  while (mkt_signals_stopping_for() <= 1) {
  }
  (void)kill(getpid(), SIGTERM);
}

/* One that no signal ends which it does not handle. It would go on for ever. */
static void the_first_process_of_a_container_ends_too(void **state) {
  (void)state;
  void (*const cases[])(const mkt_last_line *line) = {is_asked_to_end, was_asked_to_end_before};
  int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
  is_first_of_container = true;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int status = end_of(cases[i], log);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
  }
  is_first_of_container = false;
  assert_int_equal(close(log), 0);
}

static void a_log_without_room_keeps_no_process_from_its_end(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
  while (write(ends[1], "x", 1) == 1) {
  }
  assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
  assert_int_equal(signal_of(is_asked_to_end, ends[1]), SIGTERM);
  assert_int_equal(close(ends[0]), 0);
  assert_int_equal(close(ends[1]), 0);
}

static void tells_for_how_long_it_has_been_stopping(void **state) {
  (void)state;
  mkt_signals_catch();
  assert_true(mkt_signals_stopping_for() == 0);
  (void)kill(getpid(), SIGTERM);
  double before = mkt_signals_stopping_for();
  assert_true(mkt_signals_stop_asked());
  assert_true(before >= 0 && before < 3600);
  while (mkt_signals_stopping_for() <= before) {
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loses_no_reload),
      cmocka_unit_test(a_pipe_without_a_reader_ends_nothing),
      cmocka_unit_test(programs_that_are_started_have_their_own_dispositions),
      cmocka_unit_test(a_stop_ends_in_time),
      cmocka_unit_test(the_first_process_of_a_container_ends_too),
      cmocka_unit_test(a_log_without_room_keeps_no_process_from_its_end),
      cmocka_unit_test(tells_for_how_long_it_has_been_stopping),
  };
  return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
