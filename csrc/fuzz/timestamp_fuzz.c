/* ISO 8601 times: what is read is a time of the calendar, and written in UTC it reads the same. */
#include "core/timestamp.h"
#include "fuzz.h"

#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  mkt_timestamp time = {-1, -1};
  if (!mkt_timestamp_parse((const char *)data, n, &time)) {
    FUZZ_CHECK(time.seconds == -1 && time.nanoseconds == -1);
    return 0;
  }
  FUZZ_CHECK(time.nanoseconds >= 0 && time.nanoseconds < 1000000000);
  time_t seconds = (time_t)time.seconds;
  struct tm parts;
  FUZZ_CHECK(gmtime_r(&seconds, &parts) != NULL);
  int year = parts.tm_year + 1900;
  FUZZ_CHECK(year >= 0 && year <= 10000);
  if (year < 1 || year > 9999) return 0; /* an offset led out of what can be written */
  char text[80];
  int length =
      snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", year, parts.tm_mon + 1,
               parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (int)time.nanoseconds);
  mkt_timestamp again;
  FUZZ_CHECK(mkt_timestamp_parse(text, (size_t)length, &again));
  FUZZ_CHECK(again.seconds == time.seconds && again.nanoseconds == time.nanoseconds);
  return 0;
}
