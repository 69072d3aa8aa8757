#include "clock.h"

#include <time.h>

static double seconds_of(clockid_t clock) {
  struct timespec now;
  (void)clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double mkt_clock_wall(void) {
  return seconds_of(CLOCK_REALTIME);
}

double mkt_clock_monotonic(void) {
  return seconds_of(CLOCK_MONOTONIC);
}
