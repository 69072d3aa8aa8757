#include "sigpipe.h"

#include <pthread.h>
#include <time.h>

static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static sigset_t only_sigpipe(void) {
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGPIPE);
  return set;
}

mkt_sigpipe_guard mkt_sigpipe_hold(void) {
  const sigset_t set = only_sigpipe();
  mkt_sigpipe_guard guard = {.was_pending = is_pending()};
  (void)pthread_sigmask(SIG_BLOCK, &set, &guard.before);
  return guard;
}

void mkt_sigpipe_release(const mkt_sigpipe_guard *guard) {
  const sigset_t set = only_sigpipe();
  const struct timespec at_once = {0};
  if (!guard->was_pending && is_pending()) (void)sigtimedwait(&set, NULL, &at_once);
  (void)pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}
