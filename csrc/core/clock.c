#include "clock.h"

#include <time.h>

static struct timespec read_clock(clockid_t clock) {
  struct timespec now = {0, 0};
  (void)clock_gettime(clock, &now);
  return now;
}

static double seconds_of(struct timespec time) {
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double mkt_clock_wall(void) {
  return seconds_of(read_clock(CLOCK_REALTIME));
}

double mkt_clock_monotonic(void) {
  return seconds_of(read_clock(CLOCK_MONOTONIC));
}

uint64_t mkt_clock_milliseconds(void) {
  struct timespec now = read_clock(CLOCK_MONOTONIC);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
