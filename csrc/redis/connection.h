/* connection.h: a connection to a Redis server, for the inbox alone: commands, and their answers.
 *
 * hiredis writes the commands and reads the answers; what waits is the transport, up to the
 * deadline. A connection on which something failed is closed: what the server made of the last
 * commands is not known then, and the next answer would be to another question.
 *
 * Results are MKT_ERR_CONNECT_FAILED if there is no connection, or not any more; MKT_ERR_TIMEOUT
 * if the deadline passed; MKT_ERR_TLS_FAILED; MKT_ERR_TOO_LARGE; MKT_ERR_OUT_OF_MEMORY. Their
 * messages do not name the server.
 *
 * After a fork a connection belongs to the process that made it; the other one gets an error, and
 * its close sends nothing.
 */
#ifndef MKT_REDIS_CONNECTION_H
#define MKT_REDIS_CONNECTION_H

#include "redis/reader.h"
#include "redis/transport.h"

#include <stdint.h>

/* Zero it before use. It must stay where it is while it is open. */
typedef struct mkt_redis {
  mkt_redis_transport transport;
  mkt_redis_reader reader;
  mkt_redis_deadline deadline;
  int64_t pid;    /* of the process that made it */
  size_t pending; /* answers that were not read yet */
} mkt_redis;

/* Connects; the deadline is `seconds` from now. */
mkt_code mkt_redis_open(mkt_redis *redis, const mkt_redis_options *options, double seconds,
                        mkt_error *error);

/* The deadline, from now, of all that follows. */
void mkt_redis_limit(mkt_redis *redis, double seconds);

/* Sends a command of at least one word, which may hold any bytes. If the server has closed the
 * connection meanwhile, it may have said why: mkt_redis_receive tells. */
mkt_code mkt_redis_send(mkt_redis *redis, int count, const char **words, const size_t *lengths,
                        mkt_error *error);

/* Waits for the answer to the first command that has none yet; the caller frees it with
 * mkt_redis_free. An answer that is an error of the server's is an answer. */
mkt_code mkt_redis_receive(mkt_redis *redis, redisReply **reply, mkt_error *error);

/* Whether it is open, this process's, not known to be closed by the server, and nothing waits to be
 * received: what nobody asked for would be taken for the next answer. */
bool mkt_redis_is_alive(const mkt_redis *redis);

/* Idempotent. */
void mkt_redis_close(mkt_redis *redis);

#endif
