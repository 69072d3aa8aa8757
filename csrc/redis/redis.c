#include "redis/redis.h"

#include "core/sigpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct timeval as_timeval(double seconds) {
  struct timeval time = {.tv_sec = (time_t)seconds};
  time.tv_usec = (suseconds_t)((seconds - (double)time.tv_sec) * 1e6);
  return time;
}

static mkt_code fail(const mkt_redis *redis, mkt_error *error) {
  const redisContext *context = redis->context;
  mkt_code code = mkt_redis_limits_check(&redis->limits, error);
  if (code != MKT_OK) return code;
  bool timed_out = context->err == REDIS_ERR_IO && errno == EAGAIN;
  if (timed_out) return mkt_fail(error, MKT_ERR_TIMEOUT, NULL);
  if (context->err == REDIS_ERR_OOM) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "%s", context->errstr);
}

/* hiredis writes without MSG_NOSIGNAL: to a peer that is gone, that would end the process. */
static redisContext *connect_to(const mkt_redis_options *options) {
  const struct timeval limit = as_timeval(options->connect_timeout);
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  redisContext *context = options->path != NULL
                              ? redisConnectUnixWithTimeout(options->path, limit)
                              : redisConnectWithTimeout(options->host, options->port, limit);
  mkt_sigpipe_release(&guard);
  return context;
}

/* hiredis's socket would be inherited, authenticated, by every program that this one starts. */
static bool prepare(mkt_redis *redis, const mkt_redis_options *options) {
  redisContext *context = redis->context;
  mkt_redis_limits_set(&redis->limits, context->reader);
  (void)fcntl(context->fd, F_SETFD, FD_CLOEXEC);
  if (options->path == NULL) (void)redisEnableKeepAlive(context);
  return redisSetTimeout(context, as_timeval(options->timeout)) == REDIS_OK;
}

mkt_code mkt_redis_open(mkt_redis *redis, const mkt_redis_options *options, mkt_error *error) {
  redis->context = connect_to(options);
  redis->pid = getpid();
  if (redis->context == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  if (redis->context->err == 0 && prepare(redis, options)) return MKT_OK;
  mkt_code code = fail(redis, error);
  mkt_redis_close(redis);
  return code;
}

static mkt_code check_usable(const mkt_redis *redis, mkt_error *error) {
  if (redis->context == NULL) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the connection is closed");
  }
  if (redis->pid == getpid()) return MKT_OK;
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the connection belongs to another process");
}

mkt_code mkt_redis_command(mkt_redis *redis, int count, const char **words, const size_t *lengths,
                           redisReply **reply, mkt_error *error) {
  mkt_code code = check_usable(redis, error);
  if (code != MKT_OK) return code;
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  errno = 0;
  *reply = redisCommandArgv(redis->context, count, words, lengths);
  const int problem = errno;
  mkt_sigpipe_release(&guard);
  errno = problem;
  if (*reply != NULL) {
    mkt_redis_limits_restart(&redis->limits);
    return MKT_OK;
  }
  code = fail(redis, error);
  mkt_redis_close(redis);
  return code;
}

void mkt_redis_free(redisReply *reply) {
  if (reply != NULL) freeReplyObject(reply);
}

void mkt_redis_close(mkt_redis *redis) {
  if (redis->context == NULL) return;
  /* in a process that was forked off this closes its own copy of the socket, and sends nothing */
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  redisFree(redis->context);
  mkt_sigpipe_release(&guard);
  redis->context = NULL;
}
