#include "poll_until.h"

#include "clock.h"

#include <errno.h>
#include <poll.h>

enum { MOST_MILLISECONDS = 1000000000 };

int mkt_milliseconds_until(double moment) {
  double left = (moment - mkt_clock_monotonic()) * 1000;
  if (left <= 0) return 0;
  if (left > MOST_MILLISECONDS) return MOST_MILLISECONDS;
  int whole = (int)left;
  return whole < left ? whole + 1 : whole;
}

int mkt_poll_until(int fd, short events, double moment) {
  struct pollfd watched = {.fd = fd, .events = events};
  for (;;) {
    int left = mkt_milliseconds_until(moment);
    if (left == 0) return 0;
    int ready = poll(&watched, 1, left);
    if (ready > 0) return 1;
    if (ready < 0 && errno != EINTR && errno != EAGAIN) return -1;
  }
}
