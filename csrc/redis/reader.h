/* reader.h: reads what a Redis server answers from bytes that something else received.
 *
 * On hiredis, without a socket: mkt_redis_transport receives the bytes, or nginx's cosockets do.
 * After an error a reader is useless: where the next answer begins is not known then.
 */
#ifndef MKT_REDIS_READER_H
#define MKT_REDIS_READER_H

#include "redis/limits.h"

#include <stddef.h>

/* Of one answer, as Redis limits a string. */
enum { MKT_REDIS_MOST_BYTES = 512 * 1024 * 1024 };

/* Zero it before use. It must stay where it is while it is open. */
typedef struct mkt_redis_reader {
  redisReader *reader; /* NULL if it is closed */
  mkt_redis_limits limits;
  size_t bytes; /* received since all that was received had been given as answers */
} mkt_redis_reader;

/* MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_redis_reader_open(mkt_redis_reader *reader, mkt_error *error);

/* Takes bytes, which are copied. MKT_ERR_TOO_LARGE, MKT_ERR_OUT_OF_MEMORY, MKT_ERR_CONNECT_FAILED
 * (it is closed, or failed before). */
mkt_code mkt_redis_reader_feed(mkt_redis_reader *reader, const char *bytes, size_t n,
                               mkt_error *error);

/* The next answer, which the caller frees with mkt_redis_free; NULL if more bytes are needed.
 * MKT_ERR_CONNECT_FAILED (this is no answer of a Redis server's; it is closed, or failed before),
 * MKT_ERR_TOO_LARGE, MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_redis_reader_next(mkt_redis_reader *reader, redisReply **reply, mkt_error *error);

/* Whether all that was received belongs to answers that were given. */
bool mkt_redis_reader_is_empty(const mkt_redis_reader *reader);

/* Frees an answer. NULL is allowed. */
void mkt_redis_free(redisReply *reply);

/* Idempotent. */
void mkt_redis_reader_close(mkt_redis_reader *reader);

#endif
