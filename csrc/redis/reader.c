#include "redis/reader.h"

mkt_code mkt_redis_reader_open(mkt_redis_reader *reader, mkt_error *error) {
  reader->reader = redisReaderCreate();
  if (reader->reader == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  mkt_redis_limits_set(&reader->limits, reader->reader);
  return MKT_OK;
}

static mkt_code check_usable(const mkt_redis_reader *reader, mkt_error *error) {
  if (reader->reader == NULL) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the reader is closed");
  }
  return MKT_OK;
}

/* What hiredis complains of. */
static mkt_code fail(const mkt_redis_reader *reader, mkt_error *error) {
  mkt_code code = mkt_redis_limits_check(&reader->limits, error);
  if (code != MKT_OK) return code;
  if (reader->reader->err == REDIS_ERR_OOM) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "%s", reader->reader->errstr);
}

mkt_code mkt_redis_reader_feed(mkt_redis_reader *reader, const char *bytes, size_t n,
                               mkt_error *error) {
  mkt_code code = check_usable(reader, error);
  if (code != MKT_OK) return code;
  if (n > MKT_REDIS_MOST_BYTES - reader->bytes) {
    return mkt_fail(error, MKT_ERR_TOO_LARGE, "the answer has more than %d bytes",
                    MKT_REDIS_MOST_BYTES);
  }
  if (redisReaderFeed(reader->reader, bytes, n) != REDIS_OK) return fail(reader, error);
  reader->bytes += n;
  return MKT_OK;
}

mkt_code mkt_redis_reader_next(mkt_redis_reader *reader, redisReply **reply, mkt_error *error) {
  mkt_code code = check_usable(reader, error);
  if (code != MKT_OK) return code;
  void *read = NULL;
  *reply = NULL;
  /* hiredis would take the next answer for begun */
  if (mkt_redis_reader_is_empty(reader) && reader->reader->err == 0) return MKT_OK;
  if (redisReaderGetReply(reader->reader, &read) != REDIS_OK) return fail(reader, error);
  *reply = read;
  if (read != NULL) mkt_redis_limits_restart(&reader->limits);
  if (mkt_redis_reader_is_empty(reader)) reader->bytes = 0;
  return MKT_OK;
}

bool mkt_redis_reader_is_empty(const mkt_redis_reader *reader) {
  if (reader->reader == NULL) return true;
  return reader->reader->ridx == -1 && reader->reader->pos == reader->reader->len;
}

void mkt_redis_free(redisReply *reply) {
  if (reply != NULL) freeReplyObject(reply);
}

void mkt_redis_reader_close(mkt_redis_reader *reader) {
  if (reader->reader != NULL) redisReaderFree(reader->reader);
  reader->reader = NULL;
}
