#include "redis/deadline.h"

#include "core/clock.h"
#include "core/poll_until.h"

#include <errno.h>
#include <string.h>

mkt_redis_deadline mkt_redis_deadline_in(double seconds) {
  return mkt_clock_monotonic() + seconds;
}

mkt_redis_deadline mkt_redis_deadline_share(mkt_redis_deadline deadline, int count) {
  double now = mkt_clock_monotonic();
  return now + (deadline - now) / count;
}

mkt_code mkt_redis_deadline_check(mkt_redis_deadline deadline, mkt_error *error) {
  bool is_late = mkt_milliseconds_until(deadline) == 0;
  return is_late ? mkt_fail(error, MKT_ERR_TIMEOUT, NULL) : MKT_OK;
}

mkt_code mkt_redis_wait(int socket, short events, mkt_redis_deadline deadline, mkt_error *error) {
  int ready = mkt_poll_until(socket, events, deadline);
  if (ready > 0) return MKT_OK;
  if (ready == 0) return mkt_fail(error, MKT_ERR_TIMEOUT, NULL);
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "cannot wait: %s", strerror(errno));
}
