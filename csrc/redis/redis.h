/* redis.h: one connection to a Redis server, and one command at a time on it.
 *
 * On hiredis. After anything but an answer of the server's, the connection is closed: what the
 * server made of the command is not known then, and the next answer would be to another question.
 * After a fork a connection belongs to the process that made it; the other one gets an error.
 */
#ifndef MKT_REDIS_H
#define MKT_REDIS_H

#include "redis/limits.h"

#include <stddef.h>
#include <stdint.h>

/* Zero it before use. It must stay where it is while it is open. */
typedef struct mkt_redis {
  redisContext *context; /* NULL if it is closed */
  mkt_redis_limits limits;
  int64_t pid; /* of the process that made it */
} mkt_redis;

/* A path, of a Unix socket, goes before host and port. Times in seconds. */
typedef struct mkt_redis_options {
  const char *host;
  int port;
  const char *path;
  double connect_timeout;
  double timeout; /* of a command */
} mkt_redis_options;

/* MKT_ERR_CONNECT_FAILED or MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_redis_open(mkt_redis *redis, const mkt_redis_options *options, mkt_error *error);

/* Sends a command of at least one word, which may hold any bytes, and waits for the answer, which
 * the caller frees with mkt_redis_free. An answer that is an error of the server's is an answer.
 * MKT_ERR_TIMEOUT, MKT_ERR_CONNECT_FAILED (it is closed, or was lost), MKT_ERR_TOO_LARGE,
 * MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_redis_command(mkt_redis *redis, int count, const char **words, const size_t *lengths,
                           redisReply **reply, mkt_error *error);

/* NULL is allowed. */
void mkt_redis_free(redisReply *reply);

/* Idempotent. */
void mkt_redis_close(mkt_redis *redis);

#endif
