#include "http_feed.h"

#include <string.h>
#include <strings.h>

_Static_assert(CURL_MAX_WRITE_SIZE <= MKT_HTTP_SINK_PIECE, "a sink takes what libcurl hands over");

/* Of more digits than any file has bytes, it is none. */
static bool read_number(const char *text, uint64_t *number) {
  enum { MOST_DIGITS = 18 };
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > MOST_DIGITS) return false;
  *number = 0;
  for (size_t i = 0; i < digits; i++)
    *number = *number * 10 + (uint64_t)(text[i] - '0');
  return text[digits] == '-';
}

/* Of a 206 (RFC 9110, section 14.4). */
static bool first_byte(CURL *easy, uint64_t *first) {
  static const char unit[] = "bytes ";
  struct curl_header *range;
  CURLHcode code = curl_easy_header(easy, "Content-Range", 0, CURLH_HEADER, -1, &range);
  if (code != CURLHE_OK || range->amount != 1) return false;
  if (strncasecmp(range->value, unit, sizeof unit - 1) != 0) return false;
  return read_number(range->value + sizeof unit - 1, first);
}

static mkt_code begin(mkt_http_feed *feed, int status) {
  uint64_t from = 0;
  curl_off_t length = -1;
  if (status == 206 && !first_byte(feed->easy, &from)) {
    return mkt_fail(&feed->error, MKT_ERR_HTTP_FAILED,
                    "the answer is a part, and does not tell of what");
  }
  (void)curl_easy_getinfo(feed->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  feed->has_begun = true;
  return feed->sink->calls->begin(
      feed->sink, from, length < 0 ? MKT_HTTP_SINK_LENGTH_UNKNOWN : (uint64_t)length, &feed->error);
}

static size_t pause_it(mkt_http_feed *feed) {
  feed->is_full = true;
  feed->next = feed->pool->full;
  feed->pool->full = feed;
  return CURL_WRITEFUNC_PAUSE;
}

size_t mkt_http_feed_take(mkt_http_feed *feed, int status, const char *p, size_t n) {
  mkt_http_sink_taken taken = MKT_HTTP_SINK_FAILED;
  if (feed->has_failed) return 0; /* libcurl goes on after it was told so in curl_easy_pause */
  if (feed->has_begun || begin(feed, status) == MKT_OK) {
    taken = feed->sink->calls->take(feed->sink, p, n, &feed->error);
  }
  if (taken == MKT_HTTP_SINK_TAKEN) return n;
  if (taken == MKT_HTTP_SINK_FULL) return pause_it(feed);
  feed->has_failed = true;
  return 0;
}

void mkt_http_feed_resume(mkt_http_pool *pool) {
  mkt_http_feed *feed = pool->full;
  pool->full = NULL;
  while (feed != NULL) {
    mkt_http_feed *next = feed->next;
    feed->is_full = false;
    if (feed->sink->calls->has_room(feed->sink)) {
      /* it hands over what it holds, for which there may be no room again */
      (void)curl_easy_pause(feed->easy, CURLPAUSE_CONT);
    } else {
      (void)pause_it(feed);
    }
    feed = next;
  }
}

static void wake(void *multi) {
  (void)curl_multi_wakeup(multi);
}

void mkt_http_feed_start(mkt_http_feed *feed, mkt_http_sink *sink, mkt_http_pool *pool,
                         CURL *easy) {
  *feed = (mkt_http_feed){.sink = sink, .pool = pool, .easy = easy};
  sink->is_in_use = true;
  sink->calls->wake_by(sink, wake, pool->multi);
}

static void leave_list(mkt_http_feed *feed) {
  mkt_http_feed **at = &feed->pool->full;
  while (*at != feed)
    at = &(*at)->next;
  *at = feed->next;
  feed->is_full = false;
}

void mkt_http_feed_end(mkt_http_feed *feed) {
  if (feed->sink == NULL) return;
  if (feed->is_full) leave_list(feed);
  feed->sink->calls->wake_by(feed->sink, NULL, NULL);
  feed->sink->is_in_use = false;
  feed->sink = NULL;
}
