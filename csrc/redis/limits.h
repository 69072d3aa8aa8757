/* limits.h: how large the lists of a Redis server's answer may be, whatever hiredis would take.
 *
 * A list is made as long as the server says, before its elements have come. hiredis 0.14 takes
 * eight levels of lists, 1.0 and later any number.
 */
#ifndef MKT_REDIS_LIMITS_H
#define MKT_REDIS_LIMITS_H

#include "core/error.h"

#include <hiredis/hiredis.h>
#include <stddef.h>

/* Of one answer: elements in all of its lists together, and lists inside one another. */
enum { MKT_REDIS_MOST_ELEMENTS = 1 << 22, MKT_REDIS_MOST_LEVELS = 7 };

typedef struct mkt_redis_limits {
  redisReplyObjectFunctions functions;        /* hiredis's, with the limits */
  const redisReplyObjectFunctions *unlimited; /* hiredis's */
  size_t elements;                            /* of the answer that is being read */
  int levels;                                 /* of the list that was made last */
} mkt_redis_limits;

/* Zero the limits before. They must stay where they are while the reader is open. */
void mkt_redis_limits_set(mkt_redis_limits *limits, redisReader *reader);

/* To be called when an answer is complete. */
void mkt_redis_limits_restart(mkt_redis_limits *limits);

/* Why reading an answer failed: MKT_ERR_TOO_LARGE if it passed a limit, or else MKT_OK. */
mkt_code mkt_redis_limits_check(const mkt_redis_limits *limits, mkt_error *error);

#endif
