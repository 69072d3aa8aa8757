/* http_pool.h: the libcurl handles of a thread: one multi handle, which keeps the connections, and
 * easy handles to be used again. */
#ifndef MKT_HTTP_POOL_H
#define MKT_HTTP_POOL_H

#include <curl/curl.h>
#include <stdbool.h>

enum { MKT_HTTP_IDLE_HANDLES = 16 };

typedef struct mkt_http_pool {
  CURLM *multi;
  int generation;  /* of the process that made it; a fork begins the next one */
  int running;     /* exchanges that are not done */
  bool has_paused; /* one paused in this poll: its caller takes what has arrived before it waits */
  struct mkt_http_feed *full; /* those whose sinks had no room, see http_feed.h */
  int idle_count;
  CURL *idle[MKT_HTTP_IDLE_HANDLES];
} mkt_http_pool;

/* This thread's pool, made if there is none, or only that of the process this one was forked
 * from, which is abandoned: to close its connections would end them for the parent. NULL when
 * memory is short. It is freed when the thread ends. */
mkt_http_pool *mkt_http_pool_own(void);

/* Whether this process made it. */
bool mkt_http_pool_is_ours(const mkt_http_pool *pool);

/* Whether this libcurl may write to a socket without MSG_NOSIGNAL. */
bool mkt_http_pool_may_raise_sigpipe(void);

/* An easy handle without options; NULL when memory is short. */
CURL *mkt_http_pool_borrow(mkt_http_pool *pool);

/* Takes it back, out of the multi handle, to be used again. */
void mkt_http_pool_return(mkt_http_pool *pool, CURL *easy);

#endif
