#include "core/timestamp.h"
#include "test/support.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool parse(const char *text, mkt_timestamp *out) {
  mkt_guarded copy = mkt_guard(text, strlen(text));
  bool parsed = mkt_timestamp_parse(copy.p, copy.n, out);
  mkt_unguard(&copy);
  return parsed;
}

static void expect_time(const char *text, int64_t seconds, int32_t nanoseconds) {
  mkt_timestamp time = {0, 0};
  if (!parse(text, &time)) fail_msg("%s was refused", text);
  if (time.seconds != seconds || time.nanoseconds != nanoseconds) {
    fail_msg("%s is %lld s and %d ns", text, (long long)time.seconds, (int)time.nanoseconds);
  }
}

static void fraction_digits(void **state) {
  (void)state;
  const int64_t at = 1773480413; /* date -ud 2026-03-14T09:26:53Z +%s */
  expect_time("2026-03-14T09:26:53Z", at, 0);
  expect_time("2026-03-14T09:26:53.5Z", at, 500000000);
  expect_time("2026-03-14T09:26:53.58Z", at, 580000000);
  expect_time("2026-03-14T09:26:53.589Z", at, 589000000);
  expect_time("2026-03-14T09:26:53.5897Z", at, 589700000);
  expect_time("2026-03-14T09:26:53.58979Z", at, 589790000);
  expect_time("2026-03-14T09:26:53.589793Z", at, 589793000);
  expect_time("2026-03-14T09:26:53.5897932Z", at, 589793200);
  expect_time("2026-03-14T09:26:53.58979323Z", at, 589793230);
  expect_time("2026-03-14T09:26:53.589793238Z", at, 589793238);
}

static void offsets(void **state) {
  (void)state;
  const int64_t at = 1773480413;
  expect_time("2026-03-14t09:26:53z", at, 0);
  expect_time("2026-03-14T01:26:53-08:00", at, 0);
  expect_time("2026-03-14T01:26:53.25-08:00", at, 250000000);
  expect_time("2026-03-14T09:26:53-00:00", at, 0);
  expect_time("2026-03-14T09:26:53+00:00", at, 0);
  expect_time("2026-03-14T14:56:53+05:30", at, 0);
  expect_time("2026-03-14T14:56:53+0530", at, 0);
  expect_time("2026-03-14T11:26:53+02", at, 0);
  expect_time("2026-03-15T09:25:53+23:59", at, 0);
}

static void leap_second(void **state) {
  (void)state;
  expect_time("2016-12-31T23:59:60Z", 1483228800, 0);
}

static const char *const not_times[] = {
    "",
    "2026",
    "2026-03-14",
    "2026-03-14T09:26:53",
    "2026-03-14 09:26:53Z",
    "2026-3-14T09:26:53Z",
    "26-03-14T09:26:53Z",
    "0000-03-14T09:26:53Z",
    "2026-00-14T09:26:53Z",
    "2026-13-14T09:26:53Z",
    "2026-03-00T09:26:53Z",
    "2026-03-32T09:26:53Z",
    "2026-04-31T09:26:53Z",
    "2026-02-29T09:26:53Z",
    "1900-02-29T09:26:53Z",
    "2026-03-14T24:26:53Z",
    "2026-03-14T09:60:53Z",
    "2026-03-14T09:26:61Z",
    "2026-03-14T09:26Z",
    "2026-03-14T09:26:53.Z",
    "2026-03-14T09:26:53,5Z",
    "2026-03-14T09:26:53.1234567890Z",
    "2026-03-14T09:26:53.12",
    "2026-03-14T09:26:53+",
    "2026-03-14T09:26:53+8",
    "2026-03-14T09:26:53+08:",
    "2026-03-14T09:26:53+08:0",
    "2026-03-14T09:26:53+080",
    "2026-03-14T09:26:53+24:00",
    "2026-03-14T09:26:53+08:60",
    "2026-03-14T09:26:53Z ",
    " 2026-03-14T09:26:53Z",
    "2026-03-14T09:26:53ZZ",
    "-026-03-14T09:26:53Z",
    "2026-W11-6T09:26:53Z",
    "2026-00-14T09:26:53Z",
    "2026-03 14T09:26:53Z",
    "2026-03/14T09:26:53Z",
    "2026 03-14T09:26:53Z",
    "2026-12-32T09:26:53Z",
};

static void refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof not_times / sizeof *not_times; i++) {
    mkt_timestamp untouched = {-1, -1};
    if (parse(not_times[i], &untouched)) fail_msg("%s was accepted", not_times[i]);
    assert_true(untouched.seconds == -1 && untouched.nanoseconds == -1);
  }
}

static void every_day_of_800_years_against_timegm(void **state) {
  (void)state;
  struct tm day = {.tm_year = 1600 - 1900, .tm_mday = 1};
  time_t last = (time_t)13569465600; /* 2400-01-01 */
  for (time_t at = timegm(&day); at <= last; at += 86400) {
    struct tm fields;
    assert_non_null(gmtime_r(&at, &fields));
    char text[32];
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &fields);
    mkt_timestamp time;
    assert_true(mkt_timestamp_parse(text, strlen(text), &time));
    if (time.seconds != at) fail_msg("%s is %lld", text, (long long)time.seconds);
    char written[MKT_TIMESTAMP_BYTES];
    mkt_timestamp_format((int64_t)at * 1000, written);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &fields);
    assert_string_equal(written, text);
  }
}

static void expect_written(const char *text, int64_t milliseconds) {
  char written[MKT_TIMESTAMP_BYTES];
  mkt_timestamp_format(milliseconds, written);
  assert_string_equal(written, text);
}

static void writes_every_part(void **state) {
  (void)state;
  expect_written("1970-01-01T00:00:00.000Z", 0);
  expect_written("1970-01-01T23:59:59.999Z", 86399999);
  expect_written("1969-12-31T23:59:59.999Z", -1);
  expect_written("1969-12-31T00:00:00.000Z", -86400000);
  expect_written("2026-03-14T09:26:53.589Z", 1773480413589);
  expect_written("2024-12-31T12:00:00.001Z", 1735646400001);
}

static void writes_four_digits_of_year(void **state) {
  (void)state;
  expect_written("0001-01-01T00:00:00.000Z", -62135596800000);
  expect_written("0001-01-01T00:00:00.000Z", -62135596800001);
  expect_written("0001-01-01T00:00:00.000Z", INT64_MIN);
  expect_written("9999-12-31T23:59:59.999Z", 253402300799999);
  expect_written("9999-12-31T23:59:59.999Z", 253402300800000);
  expect_written("9999-12-31T23:59:59.999Z", INT64_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fraction_digits),
      cmocka_unit_test(offsets),
      cmocka_unit_test(leap_second),
      cmocka_unit_test(refused),
      cmocka_unit_test(writes_every_part),
      cmocka_unit_test(writes_four_digits_of_year),
      cmocka_unit_test(every_day_of_800_years_against_timegm),
  };
  return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
