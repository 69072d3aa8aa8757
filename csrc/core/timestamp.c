#include "timestamp.h"

typedef struct cursor {
  const char *p;
  size_t left;
} cursor;

static bool take(cursor *at, char c) {
  if (at->left == 0 || *at->p != c) return false;
  at->p++;
  at->left--;
  return true;
}

static bool take_digit(cursor *at, int *digit) {
  if (at->left == 0 || *at->p < '0' || *at->p > '9') return false;
  *digit = *at->p - '0';
  at->p++;
  at->left--;
  return true;
}

/* A number of exactly `digits` digits within [least, most]. */
static bool take_number(cursor *at, int digits, int least, int most, int *out) {
  int value = 0;
  for (int i = 0; i < digits; i++) {
    int digit;
    if (!take_digit(at, &digit)) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return value >= least && value <= most;
}

static bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. The year is counted from March, so that
 * the leap day is its last one. */
static int64_t days_since_epoch(int year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1;
  int64_t m = month > 2 ? month - 3 : month + 9;
  int64_t before_1970 = 719468;
  return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - before_1970;
}

static bool take_date(cursor *at, int64_t *days) {
  int year;
  int month;
  int day;
  if (!take_number(at, 4, 1, 9999, &year) || !take(at, '-')) return false;
  if (!take_number(at, 2, 1, 12, &month) || !take(at, '-')) return false;
  if (!take_number(at, 2, 1, days_in_month(year, month), &day)) return false;
  *days = days_since_epoch(year, month, day);
  return true;
}

static bool take_clock(cursor *at, int64_t *seconds) {
  int hour;
  int minute;
  int second;
  if (!take_number(at, 2, 0, 23, &hour) || !take(at, ':')) return false;
  if (!take_number(at, 2, 0, 59, &minute) || !take(at, ':')) return false;
  if (!take_number(at, 2, 0, 60, &second)) return false;
  *seconds = hour * 3600 + minute * 60 + second;
  return true;
}

static bool take_fraction(cursor *at, int32_t *nanoseconds) {
  *nanoseconds = 0;
  if (!take(at, '.')) return true;
  int digit;
  int32_t unit = 100000000;
  if (!take_digit(at, &digit)) return false;
  do {
    if (unit == 0) return false;
    *nanoseconds += digit * unit;
    unit /= 10;
  } while (take_digit(at, &digit));
  return true;
}

/* Seconds to take away from the local time to reach UTC. */
static bool take_offset(cursor *at, int64_t *offset) {
  *offset = 0;
  if (take(at, 'Z') || take(at, 'z')) return true;
  bool west = take(at, '-');
  if (!west && !take(at, '+')) return false;
  int hours;
  int minutes = 0;
  if (!take_number(at, 2, 0, 23, &hours)) return false;
  bool colon = take(at, ':');
  if ((colon || at->left > 0) && !take_number(at, 2, 0, 59, &minutes)) return false;
  *offset = (west ? -1 : 1) * ((int64_t)hours * 3600 + (int64_t)minutes * 60);
  return true;
}

bool mkt_timestamp_parse(const char *p, size_t n, mkt_timestamp *out) {
  cursor at = {p, n};
  int64_t days;
  int64_t seconds;
  int64_t offset;
  int32_t nanoseconds;
  if (!take_date(&at, &days)) return false;
  if (!take(&at, 'T') && !take(&at, 't')) return false;
  if (!take_clock(&at, &seconds) || !take_fraction(&at, &nanoseconds)) return false;
  if (!take_offset(&at, &offset) || at.left > 0) return false;
  *out = (mkt_timestamp){days * 86400 + seconds - offset, nanoseconds};
  return true;
}

typedef struct date {
  unsigned year;
  unsigned month;
  unsigned day;
} date;

static date date_of(int64_t days) {
  int year = 1 + (int)((days - days_since_epoch(1, 1, 1)) / 366); /* this one or a later one */
  while (days_since_epoch(year + 1, 1, 1) <= days)
    year++;
  int month = 1;
  int left = (int)(days - days_since_epoch(year, 1, 1));
  for (; left >= days_in_month(year, month); month++)
    left -= days_in_month(year, month);
  return (date){(unsigned)year, (unsigned)month, (unsigned)left + 1};
}

static char *put_digits(char *out, unsigned value, int count) {
  for (int i = count; i-- > 0; value /= 10)
    out[i] = (char)('0' + value % 10);
  return out + count;
}

static char *put_and(char *out, unsigned value, int count, char after) {
  out = put_digits(out, value, count);
  *out = after;
  return out + 1;
}

void mkt_timestamp_format(int64_t milliseconds, char out[MKT_TIMESTAMP_BYTES]) {
  const int64_t a_day = 86400000;
  const int64_t first = days_since_epoch(1, 1, 1) * a_day;
  const int64_t last = days_since_epoch(10000, 1, 1) * a_day - 1;
  if (milliseconds < first) milliseconds = first;
  if (milliseconds > last) milliseconds = last;
  int64_t since_first = milliseconds - first;
  unsigned left = (unsigned)(since_first % a_day);
  date on = date_of(days_since_epoch(1, 1, 1) + since_first / a_day);
  out = put_and(out, on.year, 4, '-');
  out = put_and(out, on.month, 2, '-');
  out = put_and(out, on.day, 2, 'T');
  out = put_and(out, left / 3600000, 2, ':');
  out = put_and(out, left / 60000 % 60, 2, ':');
  out = put_and(out, left / 1000 % 60, 2, '.');
  out = put_and(out, left % 1000, 3, 'Z');
  *out = '\0';
}
