#include "http_fields.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>

/* libcurl's reader takes much more than HTTP's dates, a lone number among it: what begins with the
 * name of a day is what HTTP has. */
bool mkt_http_date(const char *text, double *seconds) {
  if (!isalpha((unsigned char)text[0])) return false;
  time_t at = curl_getdate(text, NULL);
  if (at == -1) return false;
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
