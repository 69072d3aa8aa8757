/* deadline.h: until when something may take, and waiting for a socket until then. */
#ifndef MKT_REDIS_DEADLINE_H
#define MKT_REDIS_DEADLINE_H

#include "core/error.h"

/* By the monotonic clock, in seconds. */
typedef double mkt_redis_deadline;

/* In so many seconds. */
mkt_redis_deadline mkt_redis_deadline_in(double seconds);

/* An equal share of the time that is left, for the first of `count` attempts. */
mkt_redis_deadline mkt_redis_deadline_share(mkt_redis_deadline deadline, int count);

/* MKT_ERR_TIMEOUT if it has passed. */
mkt_code mkt_redis_deadline_check(mkt_redis_deadline deadline, mkt_error *error);

/* Waits until a socket is ready for one of poll's events. MKT_ERR_TIMEOUT, MKT_ERR_CONNECT_FAILED.
 */
mkt_code mkt_redis_wait(int socket, short events, mkt_redis_deadline deadline, mkt_error *error);

#endif
