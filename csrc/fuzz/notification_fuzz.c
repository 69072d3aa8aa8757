/* A notification: whatever the bytes, what is read lies within them and keeps its limits, is the
 * same when it is read again, and no shorter body says the same. */
#include "core/notification.h"
#include "fuzz.h"

#include <string.h>

static void check_within(mkt_json_text text, const char *body, size_t n) {
  if (text.p == NULL) return;
  FUZZ_CHECK(text.p >= body && text.n <= n && text.p + text.n <= body + n);
}

static void check_id(mkt_json_text id, const char *body, size_t n) {
  check_within(id, body, n);
  if (id.p == NULL) return;
  char decoded[MKT_MAX_ID_BYTES];
  FUZZ_CHECK(id.n > 0 && id.n <= MKT_MAX_ID_BYTES);
  size_t length = mkt_json_decode(id, decoded);
  for (size_t i = 0; i < length; i++)
    FUZZ_CHECK((unsigned char)decoded[i] >= 0x20 && decoded[i] != 0x7F);
}

/* The slices are one JSON value each. */
static void check_value(mkt_json_text value, const char *body, size_t n) {
  check_within(value, body, n);
  if (value.p == NULL) return;
  mkt_json json;
  mkt_json_init(&json, value.p, value.n, MKT_JSON_RFC8259);
  mkt_json_token token = mkt_json_next(&json);
  FUZZ_CHECK(token != MKT_JSON_FAULT && mkt_json_skip(&json, token));
  FUZZ_CHECK(mkt_json_next(&json) == MKT_JSON_END);
}

static void check(const mkt_notification *read, const char *body, size_t n) {
  FUZZ_CHECK(read->event >= 0 && read->event < MKT_EVENT_COUNT);
  FUZZ_CHECK(read->generation == 1 || read->generation == 2);
  FUZZ_CHECK(read->known_type >= MKT_TYPE_UNKNOWN && read->known_type < MKT_TYPE_COUNT);
  FUZZ_CHECK((read->known_type == MKT_TYPE_UNKNOWN) == (read->event == MKT_EVENT_OTHER));
  FUZZ_CHECK(read->type.p != NULL && (!read->has_time || read->timestamp.p != NULL));
  const mkt_json_text ids[] = {read->type,       read->id,
                               read->app_id,     read->marketplace_app_id,
                               read->package_id, read->package_version_id};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
    check_id(ids[i], body, n);
  const mkt_json_text values[] = {read->package_ids, read->territories, read->attributes,
                                  read->relationships, read->version};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    check_value(values[i], body, n);
  check_within(read->timestamp, body, n);
}

static void check_failure(const mkt_error *error, size_t n) {
  fuzz_check_error(error);
  FUZZ_CHECK(error->code == MKT_ERR_JSON_INVALID || error->code == MKT_ERR_NOTIFICATION_INVALID);
  FUZZ_CHECK(error->offset >= 0 && (size_t)error->offset <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  const char *body = (const char *)data;
  mkt_notification read;
  mkt_notification again;
  mkt_error error;
  if (mkt_notification_parse(body, n, &read, &error) != MKT_OK) {
    check_failure(&error, n);
    return 0;
  }
  check(&read, body, n);
  FUZZ_CHECK(mkt_notification_parse(body, n, &again, NULL) == MKT_OK);
  FUZZ_CHECK(read.event == again.event && read.id.p == again.id.p && read.id.n == again.id.n);
  size_t end = n;
  while (end > 0 && memchr(" \t\r\n", body[end - 1], 4) != NULL)
    end--;
  FUZZ_CHECK(mkt_notification_parse(body, end - 1, &again, NULL) == MKT_ERR_JSON_INVALID);
  return 0;
}
