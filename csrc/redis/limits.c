#include "redis/limits.h"

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

static int count_levels(const redisReadTask *task) {
  int levels = 0;
  for (; task != NULL; task = task->parent)
    levels++;
  return levels;
}

static void *create_array(const redisReadTask *task, element_count count) {
  mkt_redis_limits *limits = task->privdata;
  limits->elements += (size_t)count;
  limits->levels = count_levels(task);
  if (mkt_redis_limits_check(limits, NULL) != MKT_OK) return NULL;
  return limits->unlimited->createArray(task, count);
}

void mkt_redis_limits_set(mkt_redis_limits *limits, redisReader *reader) {
  limits->unlimited = reader->fn;
  limits->functions = *limits->unlimited;
  limits->functions.createArray = create_array;
  reader->fn = &limits->functions;
  reader->privdata = limits;
}

void mkt_redis_limits_restart(mkt_redis_limits *limits) {
  limits->elements = 0;
}

mkt_code mkt_redis_limits_check(const mkt_redis_limits *limits, mkt_error *error) {
  if (limits->levels > MKT_REDIS_MOST_LEVELS) {
    return mkt_fail(error, MKT_ERR_TOO_LARGE, "the answer has more than %d levels of lists",
                    MKT_REDIS_MOST_LEVELS);
  }
  if (limits->elements > MKT_REDIS_MOST_ELEMENTS) {
    return mkt_fail(error, MKT_ERR_TOO_LARGE, "the answer has more than %d elements",
                    MKT_REDIS_MOST_ELEMENTS);
  }
  return MKT_OK;
}
