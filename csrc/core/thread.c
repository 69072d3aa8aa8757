#include "thread.h"

#include <signal.h>
#include <time.h>

int mkt_thread_start(pthread_t *thread, void *(*run)(void *), void *of) {
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = pthread_create(thread, NULL, run, of);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return problem;
}

void mkt_condition_init(pthread_cond_t *condition) {
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_cond_init(condition, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
}

struct timespec mkt_deadline_in(int milliseconds) {
  struct timespec at;
  (void)clock_gettime(CLOCK_MONOTONIC, &at);
  at.tv_nsec += milliseconds % 1000 * 1000000L;
  at.tv_sec += milliseconds / 1000 + at.tv_nsec / 1000000000L;
  at.tv_nsec %= 1000000000L;
  return at;
}
