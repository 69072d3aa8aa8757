#include "http_fields.h"

#include <curl/curl.h>
#include <stdint.h>
#include <string.h>

static bool begins_with_day(const char *text) {
  static const char days[] = "SunMonTueWedThuFriSat";
  for (const char *day = days; *day != '\0'; day += 3) {
    if (strncmp(text, day, 3) == 0) return true;
  }
  return false;
}

/* libcurl's reader takes much more than HTTP's dates, lone numbers and years of any length among
 * it: what begins with the name of a day and is within the years that HTTP can write is kept. */
bool mkt_http_date(const char *text, double *seconds) {
  const int64_t end_of_9999 = 253402300799;
  if (!begins_with_day(text)) return false;
  int64_t at = curl_getdate(text, NULL); /* time_t may have 32 bits */
  if (at < 0 || at > end_of_9999) return false;
  *seconds = (double)at;
  return true;
}

static double bounded(double seconds) {
  if (seconds < 0) return 0;
  return seconds < MKT_RETRY_AFTER_MOST ? seconds : MKT_RETRY_AFTER_MOST;
}

static double digits(const char *text) {
  double value = 0;
  for (; *text != '\0'; text++)
    value = bounded(value * 10 + (*text - '0'));
  return value;
}

bool mkt_retry_after(const char *text, double now, double *seconds) {
  double at;
  if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
    *seconds = digits(text);
    return true;
  }
  if (!mkt_http_date(text, &at)) return false;
  *seconds = bounded(at - now);
  return true;
}
