#include "http_pool.h"

#include "alloc.h"

#include <pthread.h>

/* libcurl makes room for four connections an easy handle otherwise: a burst would leave hundreds */
enum { MOST_IDLE_CONNECTIONS = 16 };

static pthread_key_t key;
static bool has_key;
static bool may_raise_sigpipe;
static int generation; /* how many forks lie between this process and the first one */

static void note_fork(void) {
  generation++;
}

static void free_pool(void *value) {
  mkt_http_pool *pool = value;
  if (!mkt_http_pool_is_ours(pool)) return;
  while (pool->idle_count > 0)
    curl_easy_cleanup(pool->idle[--pool->idle_count]);
  /* exchanges that were never ended still use it */
  if (pool->running > 0) return;
  (void)curl_multi_cleanup(pool->multi);
  mkt_free(pool);
}

/* From 7.88 on OpenSSL's bytes, too, go through libcurl's own send(). */
enum { VERSION_WITH_OWN_SEND = 0x075800 };

static void initialise(void) {
  (void)curl_global_init(CURL_GLOBAL_DEFAULT);
  may_raise_sigpipe = curl_version_info(CURLVERSION_NOW)->version_num < VERSION_WITH_OWN_SEND;
  has_key = pthread_atfork(NULL, NULL, note_fork) == 0 && pthread_key_create(&key, free_pool) == 0;
}

static mkt_http_pool *make_pool(void) {
  mkt_http_pool *pool = mkt_alloc_zero(sizeof *pool);
  if (pool == NULL) return NULL;
  pool->generation = generation;
  pool->multi = curl_multi_init();
  if (pool->multi != NULL && pthread_setspecific(key, pool) == 0) {
    (void)curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, (long)MOST_IDLE_CONNECTIONS);
    return pool;
  }
  (void)curl_multi_cleanup(pool->multi);
  mkt_free(pool);
  return NULL;
}

mkt_http_pool *mkt_http_pool_own(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, initialise);
  if (!has_key) return NULL;
  mkt_http_pool *pool = pthread_getspecific(key);
  return pool != NULL && mkt_http_pool_is_ours(pool) ? pool : make_pool();
}

bool mkt_http_pool_is_ours(const mkt_http_pool *pool) {
  return pool->generation == generation;
}

bool mkt_http_pool_may_raise_sigpipe(void) {
  return may_raise_sigpipe;
}

CURL *mkt_http_pool_borrow(mkt_http_pool *pool) {
  return pool->idle_count > 0 ? pool->idle[--pool->idle_count] : curl_easy_init();
}

void mkt_http_pool_return(mkt_http_pool *pool, CURL *easy) {
  (void)curl_multi_remove_handle(pool->multi, easy);
  if (pool->idle_count == MKT_HTTP_IDLE_HANDLES) {
    curl_easy_cleanup(easy);
    return;
  }
  curl_easy_reset(easy);
  pool->idle[pool->idle_count++] = easy;
}
