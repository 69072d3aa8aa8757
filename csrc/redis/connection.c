#include "redis/connection.h"

#include <openssl/crypto.h>
#include <unistd.h>

enum { PIECE = 16 * 1024 }; /* bytes received at once */

void mkt_redis_limit(mkt_redis *redis, double seconds) {
  redis->deadline = mkt_redis_deadline_in(seconds);
}

mkt_code mkt_redis_open(mkt_redis *redis, const mkt_redis_options *options, double seconds,
                        mkt_error *error) {
  redis->pid = getpid();
  mkt_redis_limit(redis, seconds);
  mkt_code code = mkt_redis_reader_open(&redis->reader, error);
  if (code == MKT_OK) {
    code = mkt_redis_transport_open(&redis->transport, options, redis->deadline, error);
  }
  if (code != MKT_OK) mkt_redis_close(redis);
  return code;
}

static mkt_code check_usable(const mkt_redis *redis, mkt_error *error) {
  if (!redis->transport.is_open) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the connection is closed");
  }
  if (redis->pid == getpid()) return MKT_OK;
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the connection belongs to another process");
}

static mkt_code check_lengths(int count, const size_t *lengths, mkt_error *error) {
  size_t left = MKT_REDIS_MOST_BYTES;
  for (int i = 0; i < count; i++) {
    if (lengths[i] > left) {
      return mkt_fail(error, MKT_ERR_TOO_LARGE, "the command has more than %d bytes",
                      MKT_REDIS_MOST_BYTES);
    }
    left -= lengths[i];
  }
  return MKT_OK;
}

/* The command may have a password in it. */
static mkt_code send_command(mkt_redis *redis, int count, const char **words, const size_t *lengths,
                             mkt_error *error) {
  char *command = NULL;
  long long n = redisFormatCommandArgv(&command, count, words, lengths);
  if (n < 0) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  mkt_code code =
      mkt_redis_transport_send(&redis->transport, command, (size_t)n, redis->deadline, error);
  OPENSSL_cleanse(command, (size_t)n);
  redisFreeCommand(command);
  return code;
}

/* Bytes that nothing asked for must not be taken for the next answer. */
static mkt_code check_quiet(const mkt_redis *redis, mkt_error *error) {
  if (redis->pending > 0 || mkt_redis_reader_is_empty(&redis->reader)) return MKT_OK;
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the server sent what nothing had asked for");
}

mkt_code mkt_redis_send(mkt_redis *redis, int count, const char **words, const size_t *lengths,
                        mkt_error *error) {
  mkt_code code = check_usable(redis, error);
  if (code != MKT_OK) return code;
  code = check_lengths(count, lengths, error);
  if (code != MKT_OK) return code;
  code = check_quiet(redis, error);
  if (code == MKT_OK) {
    code = send_command(redis, count, words, lengths, error);
    redis->pending++;
    if (code == MKT_ERR_CONNECT_FAILED) return MKT_OK;
  }
  if (code != MKT_OK) mkt_redis_close(redis);
  return code;
}

static mkt_code read_answer(mkt_redis *redis, redisReply **reply, mkt_error *error) {
  for (;;) {
    mkt_code code = mkt_redis_reader_next(&redis->reader, reply, error);
    if (code != MKT_OK || *reply != NULL) return code;
    char piece[PIECE];
    size_t n = 0;
    code = mkt_redis_transport_receive(&redis->transport, piece, sizeof piece, &n, redis->deadline,
                                       error);
    if (code == MKT_OK) code = mkt_redis_reader_feed(&redis->reader, piece, n, error);
    if (code != MKT_OK) return code;
  }
}

mkt_code mkt_redis_receive(mkt_redis *redis, redisReply **reply, mkt_error *error) {
  mkt_code code = check_usable(redis, error);
  if (code != MKT_OK) return code;
  if (redis->pending == 0) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "no answer was asked for");
  }
  code = read_answer(redis, reply, error);
  if (code == MKT_OK) {
    redis->pending--;
  } else {
    mkt_redis_close(redis);
  }
  return code;
}

bool mkt_redis_is_alive(const mkt_redis *redis) {
  return check_usable(redis, NULL) == MKT_OK && mkt_redis_socket_is_open(redis->transport.socket);
}

void mkt_redis_close(mkt_redis *redis) {
  mkt_redis_transport_close(&redis->transport);
  mkt_redis_reader_close(&redis->reader);
  redis->pending = 0;
}
