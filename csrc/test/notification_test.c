#include "core/notification.h"
#include "test/support.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char generation_1[] =
    "{\"data\":{\"type\":\"AppVersionsUnavailable\",\"version\":1,\"id\":\"n-1\",\"timestamp\":"
    "\"2026-03-14T09:27:00Z\",\"attributes\":{\"appId\":\"67\",\"alternativeDistributionPackageIds"
    "\":[\"p\\u002d1\",\"p-2\"],\"eventTimestamp\":\"2026-03-14T09:26:53.589Z\"}}}";
static const char generation_2[] =
    "{\"data\":{\"relationships\":{\"instance\":{\"data\":{\"id\":\"p-1\",\"type\":"
    "\"alternativeDistributionPackages\"},\"links\":{\"self\":\"https:\\/\\/a\"}},\"marketplaceApp"
    "\":{\"data\":null}},\"attributes\":{\"available\":false,\"territories\":[\"FRA\"],\"appId\":"
    "\"67\",\"timestamp\":\"2026-03-14T09:26:53.589Z\"},\"version\":null,\"id\":\"n-2\",\"type\":"
    "\"alternativeDistributionPackageAvailableUpdated\"}}";

static mkt_code parse(const char *p, size_t n, mkt_notification *out, mkt_error *error) {
  mkt_guarded copy = mkt_guard(p, n);
  mkt_code code = mkt_notification_parse(copy.p, n, out, error);
  if (code == MKT_OK) {
    const mkt_json_text *texts[] = {&out->type, &out->id, &out->app_id, &out->package_id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
      bool within =
          texts[i]->p == NULL || (texts[i]->p >= copy.p && texts[i]->p + texts[i]->n <= copy.p + n);
      assert_true(within);
    }
  } else {
    assert_true(error->offset >= 0 && error->offset <= (long long)n);
  }
  mkt_unguard(&copy);
  return code;
}

static void expect_text(mkt_json_text text, const char *expected) {
  assert_non_null(text.p);
  assert_true(mkt_json_is(text, expected, strlen(expected)));
}

static void expect_raw(mkt_json_value value, const char *expected) {
  assert_non_null(value.p);
  assert_int_equal(value.n, strlen(expected));
  assert_memory_equal(value.p, expected, value.n);
}

static void both_generations(void **state) {
  (void)state;
  mkt_notification n;
  assert_int_equal(mkt_notification_parse(generation_1, strlen(generation_1), &n, NULL), MKT_OK);
  assert_int_equal(n.event, MKT_EVENT_VERSIONS_UNAVAILABLE);
  assert_int_equal(n.generation, 1);
  expect_text(n.id, "n-1");
  expect_text(n.app_id, "67");
  expect_raw(n.version, "1");
  expect_raw(n.package_ids, "[\"p\\u002d1\",\"p-2\"]");
  assert_null(n.relationships.p);
  assert_true(n.has_time && n.time.seconds == 1773480413 && n.time.nanoseconds == 589000000);
  assert_int_equal(mkt_notification_parse(generation_2, strlen(generation_2), &n, NULL), MKT_OK);
  assert_int_equal(n.event, MKT_EVENT_VERSIONS_UNAVAILABLE);
  assert_int_equal(n.generation, 2);
  expect_text(n.package_id, "p-1");
  expect_raw(n.territories, "[\"FRA\"]");
  assert_null(n.version.p);
  assert_null(n.marketplace_app_id.p);
  assert_string_equal(mkt_event_word(n.event), "versions_unavailable");
}

static void every_prefix(void **state) {
  (void)state;
  mkt_notification n;
  mkt_error error;
  for (size_t i = 0; i < sizeof generation_1 - 1; i++)
    assert_int_equal(parse(generation_1, i, &n, &error), MKT_ERR_JSON_INVALID);
  for (size_t i = 0; i < sizeof generation_2 - 1; i++)
    assert_int_equal(parse(generation_2, i, &n, &error), MKT_ERR_JSON_INVALID);
}

/* Whatever one byte becomes: an answer, nothing read past the end, and no other event than the
 * body's own or the one that its changed type has. */
static void change_each_byte(const char *body, size_t n) {
  char *changed = malloc(n);
  assert_non_null(changed);
  unsigned refused = 0;
  for (size_t i = 0; i < n; i++) {
    for (unsigned byte = 0; byte <= 0xFF; byte += 3) {
      memcpy(changed, body, n);
      changed[i] = (char)byte;
      mkt_notification notification;
      mkt_error error;
      if (parse(changed, n, &notification, &error) != MKT_OK) {
        refused++;
        continue;
      }
      assert_in_range(notification.event, 0, MKT_EVENT_COUNT - 1);
      bool restored = notification.event == MKT_EVENT_VERSIONS_RESTORED ||
                      notification.event == MKT_EVENT_APP_RESTORED;
      assert_false(restored);
    }
  }
  assert_true(refused > n);
  free(changed);
}

static void every_changed_byte(void **state) {
  (void)state;
  change_each_byte(generation_1, sizeof generation_1 - 1);
  change_each_byte(generation_2, sizeof generation_2 - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_generations),
      cmocka_unit_test(every_prefix),
      cmocka_unit_test(every_changed_byte),
  };
  return cmocka_run_group_tests_name("notification", tests, NULL, NULL);
}
