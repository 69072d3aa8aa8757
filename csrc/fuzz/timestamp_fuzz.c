/* ISO 8601 times: what is read is what another reader of the same grammar reads, which counts with
 * the C library's calendar; and written in UTC it reads the same. */
#include "core/timestamp.h"
#include "fuzz.h"

#include <string.h>
#include <time.h>

/* Whether text has the shape of a pattern, in which 0 stands for any digit. */
static bool has_shape(const char *text, const char *pattern) {
  for (; *pattern != '\0'; text++, pattern++) {
    if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern) return false;
  }
  return *text == '\0';
}

static int two_digits(const char *text) {
  return (text[0] - '0') * 10 + text[1] - '0';
}

static bool read_offset(const char *text, long *offset) {
  *offset = 0;
  if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) return true;
  if (*text != '+' && *text != '-') return false;
  long sign = *text++ == '-' ? -1 : 1;
  int minutes = 0;
  if (has_shape(text, "00:00")) {
    minutes = two_digits(text + 3);
  } else if (has_shape(text, "0000")) {
    minutes = two_digits(text + 2);
  } else if (!has_shape(text, "00")) {
    return false;
  }
  *offset = sign * (two_digits(text) * 3600L + minutes * 60L);
  return two_digits(text) < 24 && minutes < 60;
}

static bool read_fraction(const char **text, long *nanoseconds) {
  *nanoseconds = 0;
  if (**text != '.') return true;
  size_t n = strspn(*text + 1, "0123456789");
  char digits[] = "000000000";
  if (n < 1 || n > 9) return false;
  memcpy(digits, *text + 1, n);
  *nanoseconds = strtol(digits, NULL, 10);
  *text += n + 1;
  return true;
}

static bool other_reads(const char *text, long long *seconds, long *nanoseconds) {
  char clock[20] = "";
  struct tm tm = {0};
  long offset;
  memcpy(clock, text, strnlen(text, 19));
  if (clock[10] == 't') clock[10] = 'T';
  if (!has_shape(clock, "0000-00-00T00:00:00")) return false;
  tm.tm_year = two_digits(clock) * 100 + two_digits(clock + 2);
  tm.tm_mon = two_digits(clock + 5);
  tm.tm_mday = two_digits(clock + 8);
  tm.tm_hour = two_digits(clock + 11);
  tm.tm_min = two_digits(clock + 14);
  tm.tm_sec = two_digits(clock + 17);
  if (tm.tm_year < 1 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60) return false;
  int month = --tm.tm_mon;
  int day = tm.tm_mday;
  long long in_day = tm.tm_hour * 3600LL + tm.tm_min * 60LL + tm.tm_sec;
  tm.tm_year -= 1900;
  tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
  *seconds = timegm(&tm) + in_day;
  if (tm.tm_mon != month || tm.tm_mday != day) return false; /* no day of the calendar */
  text += 19;
  if (!read_fraction(&text, nanoseconds) || !read_offset(text, &offset)) return false;
  *seconds -= offset;
  return true;
}

static void check_written(const mkt_timestamp *time) {
  time_t seconds = (time_t)time->seconds;
  struct tm parts;
  MKT_FUZZ_CHECK(gmtime_r(&seconds, &parts) != NULL);
  int year = parts.tm_year + 1900;
  MKT_FUZZ_CHECK(year >= 0 && year <= 10000);
  if (year < 1 || year > 9999) return; /* an offset led out of what can be written */
  char text[80];
  int length =
      snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", year, parts.tm_mon + 1,
               parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (int)time->nanoseconds);
  mkt_timestamp again;
  MKT_FUZZ_CHECK(mkt_timestamp_parse(text, (size_t)length, &again));
  MKT_FUZZ_CHECK(again.seconds == time->seconds && again.nanoseconds == time->nanoseconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  mkt_timestamp time = {-1, -1};
  long long seconds;
  long nanoseconds;
  char *text = mkt_fuzz_string(data, n);
  bool read = mkt_timestamp_parse((const char *)data, n, &time);
  bool expected = strlen(text) == n && other_reads(text, &seconds, &nanoseconds);
  MKT_FUZZ_CHECK(read == expected);
  if (read) {
    MKT_FUZZ_CHECK(time.seconds == seconds && time.nanoseconds == nanoseconds);
    check_written(&time);
  } else {
    MKT_FUZZ_CHECK(time.seconds == -1 && time.nanoseconds == -1);
  }
  free(text);
  return 0;
}
