#include "redis/deadline.h"

#include "core/clock.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>

mkt_redis_deadline mkt_redis_deadline_in(double seconds) {
  return mkt_clock_monotonic() + seconds;
}

mkt_redis_deadline mkt_redis_deadline_share(mkt_redis_deadline deadline, int count) {
  double now = mkt_clock_monotonic();
  return now + (deadline - now) / count;
}

/* What is left, rounded up: else the last millisecond would be spent looking again and again. */
static int milliseconds_left(mkt_redis_deadline deadline) {
  double left = ceil((deadline - mkt_clock_monotonic()) * 1000);
  return left <= 0 ? 0 : left > 1e9 ? 1000000000 : (int)left;
}

mkt_code mkt_redis_deadline_check(mkt_redis_deadline deadline, mkt_error *error) {
  return milliseconds_left(deadline) > 0 ? MKT_OK : mkt_fail(error, MKT_ERR_TIMEOUT, NULL);
}

mkt_code mkt_redis_wait(int socket, short events, mkt_redis_deadline deadline, mkt_error *error) {
  struct pollfd watched = {.fd = socket, .events = events};
  for (;;) {
    mkt_code code = mkt_redis_deadline_check(deadline, error);
    if (code != MKT_OK) return code;
    int ready = poll(&watched, 1, milliseconds_left(deadline));
    if (ready > 0) return MKT_OK;
    if (ready < 0 && errno != EINTR && errno != EAGAIN) {
      return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "cannot wait: %s", strerror(errno));
    }
  }
}
