/* http_fields.h: values of header fields that tell times. */
#ifndef MKT_HTTP_FIELDS_H
#define MKT_HTTP_FIELDS_H

#include <stdbool.h>

#define MKT_RETRY_AFTER_MOST 31622400.0 /* a year, in seconds */

/* An HTTP date (RFC 9110, section 5.6.7, all three forms) as seconds since the epoch. False if
 * it is none. */
bool mkt_http_date(const char *text, double *seconds);

/* Retry-After (RFC 9110, section 10.2.3) as seconds from `now`, 0 to MKT_RETRY_AFTER_MOST: digits,
 * or an HTTP date. `now` is the server's clock, since that is what the date was made with. */
bool mkt_retry_after(const char *text, double now, double *seconds);

#endif
