/* http_feed.h: an exchange's way to its sink. While the sink has no room the exchange is paused, so
 * that the server must wait; the sink's thread wakes whoever waits in curl_multi_poll. */
#ifndef MKT_HTTP_FEED_H
#define MKT_HTTP_FEED_H

#include "error.h"
#include "http_pool.h"
#include "http_sink.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Zero bytes are a valid one without a sink. It must stay where it is. */
typedef struct mkt_http_feed {
  mkt_http_sink *sink; /* NULL before it is started and after it has ended */
  mkt_http_pool *pool;
  CURL *easy;
  bool has_begun;
  bool is_full; /* in the pool's list */
  struct mkt_http_feed *next;
  bool has_failed;
  mkt_error error;
} mkt_http_feed;

void mkt_http_feed_start(mkt_http_feed *feed, mkt_http_sink *sink, mkt_http_pool *pool, CURL *easy);

/* What a CURLOPT_WRITEFUNCTION returns, in an answer of status 200 or 206. */
size_t mkt_http_feed_take(mkt_http_feed *feed, int status, const char *p, size_t n);

/* Lets those go on whose sinks have room again. Not from libcurl's callbacks. */
void mkt_http_feed_resume(mkt_http_pool *pool);

/* Idempotent. What it failed with stays. */
void mkt_http_feed_end(mkt_http_feed *feed);

#endif
