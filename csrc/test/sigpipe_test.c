#include "core/sigpipe.h"
#include "test/support.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_to_nobody(void) {
  int ends[2];
  if (pipe(ends) != 0 || close(ends[0]) != 0) _exit(10);
  if (write(ends[1], "x", 1) != -1) _exit(11);
  (void)close(ends[1]);
}

static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static bool is_blocked(void) {
  sigset_t blocked;
  return pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 && sigismember(&blocked, SIGPIPE) == 1;
}

static void block(void) {
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGPIPE);
  (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* In a child, in which SIGPIPE has its default disposition: the exit status, or minus the signal.
 */
static int outcome_of(int (*task)(void)) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    (void)signal(SIGPIPE, SIG_DFL);
    _exit(task());
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int write_held(void) {
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  write_to_nobody();
  if (!is_blocked()) return 1;
  mkt_sigpipe_release(&guard);
  return is_blocked() || is_pending() ? 2 : 0;
}

static int write_after_release(void) {
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  mkt_sigpipe_release(&guard);
  write_to_nobody();
  return 0;
}

static void ends_nothing_while_it_is_held(void **state) {
  (void)state;
  assert_int_equal(outcome_of(write_held), 0);
  assert_int_equal(outcome_of(write_after_release), -SIGPIPE);
}

static int hold_one_that_was_pending(void) {
  block();
  write_to_nobody();
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  write_to_nobody();
  mkt_sigpipe_release(&guard);
  return is_blocked() && is_pending() ? 0 : 1;
}

static int hold_one_that_was_blocked(void) {
  block();
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  write_to_nobody();
  mkt_sigpipe_release(&guard);
  return is_blocked() && !is_pending() ? 0 : 1;
}

static void leaves_the_caller_its_own(void **state) {
  (void)state;
  assert_int_equal(outcome_of(hold_one_that_was_pending), 0);
  assert_int_equal(outcome_of(hold_one_that_was_blocked), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ends_nothing_while_it_is_held),
      cmocka_unit_test(leaves_the_caller_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
