/* timestamp.h: ISO 8601 times as App Store Connect writes them.
 *
 * Accepted: YYYY-MM-DDThh:mm:ss, 0 to 9 digits of fraction after a full stop, then Z or an offset
 * +hh:mm, -hh:mm, +hhmm, -hhmm or ±hh (RFC 3339, section 5.6, with ISO 8601's basic offsets);
 * t and z may be lower case. Second 60, a leap second, counts as the second after 59.
 */
#ifndef MKT_TIMESTAMP_H
#define MKT_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mkt_timestamp {
  int64_t seconds;     /* since 1970-01-01T00:00:00Z, without leap seconds; negative before it */
  int32_t nanoseconds; /* 0 to 999999999, added to seconds */
} mkt_timestamp;

/* False, and *out unchanged, if the text is anything else or names no day of the calendar. */
bool mkt_timestamp_parse(const char *p, size_t n, mkt_timestamp *out);

/* With its NUL: YYYY-MM-DDThh:mm:ss.mmmZ. */
enum { MKT_TIMESTAMP_BYTES = 25 };

/* Writes milliseconds since the epoch as such a time. What is before year 1 or after year 9999
 * becomes the first or last millisecond of them. A signal handler may call it. */
void mkt_timestamp_format(int64_t milliseconds, char out[MKT_TIMESTAMP_BYTES]);

#endif
