/* A notification: whatever the bytes, what is read lies within them and keeps its limits, is the
 * same when it is read again, however its strings are spelt and its space is set, and no shorter
 * body says the same. */
#include "core/notification.h"
#include "fuzz.h"

#include <string.h>

static void check_within(const char *p, size_t p_n, const char *body, size_t n) {
  if (p == NULL) return;
  MKT_FUZZ_CHECK(p >= body && p_n <= n && p + p_n <= body + n);
}

static void check_id(mkt_json_text id, const char *body, size_t n) {
  check_within(id.p, id.n, body, n);
  if (id.p == NULL) return;
  char decoded[MKT_MAX_ID_BYTES];
  MKT_FUZZ_CHECK(id.n > 0 && id.n <= MKT_MAX_ID_BYTES);
  size_t length = mkt_json_decode(id, decoded);
  for (size_t i = 0; i < length; i++)
    MKT_FUZZ_CHECK((unsigned char)decoded[i] >= 0x20 && decoded[i] != 0x7F);
}

/* The slices are one JSON value each. */
static void check_value(mkt_json_value value, const char *body, size_t n) {
  check_within(value.p, value.n, body, n);
  if (value.p == NULL) return;
  mkt_json json;
  mkt_json_init(&json, value.p, value.n, MKT_JSON_RFC8259);
  mkt_json_token token = mkt_json_next(&json);
  MKT_FUZZ_CHECK(token != MKT_JSON_FAULT && mkt_json_skip(&json, token));
  MKT_FUZZ_CHECK(mkt_json_next(&json) == MKT_JSON_END);
}

static void check(const mkt_notification *read, const char *body, size_t n) {
  MKT_FUZZ_CHECK(read->event >= 0 && read->event < MKT_EVENT_COUNT);
  MKT_FUZZ_CHECK(read->generation == 1 || read->generation == 2);
  MKT_FUZZ_CHECK(read->known_type >= MKT_TYPE_UNKNOWN && read->known_type < MKT_TYPE_COUNT);
  MKT_FUZZ_CHECK((read->known_type == MKT_TYPE_UNKNOWN) == (read->event == MKT_EVENT_OTHER));
  MKT_FUZZ_CHECK(read->type.p != NULL && (!read->has_time || read->timestamp.p != NULL));
  const mkt_json_text ids[] = {read->type,       read->id,
                               read->app_id,     read->marketplace_app_id,
                               read->package_id, read->package_version_id};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
    check_id(ids[i], body, n);
  const mkt_json_value values[] = {read->package_ids, read->territories, read->attributes,
                                   read->relationships, read->version};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    check_value(values[i], body, n);
  check_within(read->timestamp.p, read->timestamp.n, body, n);
}

static void check_failure(const mkt_error *error, size_t n) {
  mkt_fuzz_check_error(error);
  MKT_FUZZ_CHECK(error->code == MKT_ERR_JSON_INVALID ||
                 error->code == MKT_ERR_NOTIFICATION_INVALID);
  MKT_FUZZ_CHECK(error->offset >= 0 && (size_t)error->offset <= n);
}

typedef struct text {
  char *p;
  size_t n;
} text;

static void put(text *out, const char *p, size_t n) {
  memcpy(out->p + out->n, p, n);
  out->n += n;
}

/* A backslash and a quote take two bytes, which is what they have at least. */
static void put_character(text *out, char c, bool as_escape) {
  char escape[7];
  if (c == '"' || c == '\\') {
    (void)snprintf(escape, sizeof escape, "\\%c", c);
    put(out, escape, 2);
  } else if (as_escape || (unsigned char)c < 0x20) {
    (void)snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)c);
    put(out, escape, 6);
  } else {
    put(out, &c, 1);
  }
}

/* A string with as few escapes as can be, or with as many. */
static void put_string(text *out, mkt_json_text string, bool every) {
  char *decoded = malloc(string.n + 1);
  MKT_FUZZ_CHECK(decoded != NULL);
  size_t n = mkt_json_decode(string, decoded);
  every = every && 6 * n <= MKT_MAX_ID_BYTES;
  put(out, "\"", 1);
  for (size_t i = 0; i < n; i++)
    put_character(out, decoded[i], every && (unsigned char)decoded[i] < 0x80);
  put(out, "\"", 1);
  free(decoded);
}

static void put_token(text *out, const mkt_json *json, mkt_json_token token, bool every) {
  static const char *const words[] = {
      [MKT_JSON_OBJECT] = "{",    [MKT_JSON_OBJECT_END] = "}", [MKT_JSON_ARRAY] = "[",
      [MKT_JSON_ARRAY_END] = "]", [MKT_JSON_TRUE] = "true",    [MKT_JSON_FALSE] = "false",
      [MKT_JSON_NULL] = "null",
  };
  if (token == MKT_JSON_NAME || token == MKT_JSON_STRING) {
    put_string(out, json->text, every);
  } else if (token == MKT_JSON_NUMBER) {
    put(out, json->text.p, json->text.n);
  } else {
    put(out, words[token], strlen(words[token]));
  }
  if (token == MKT_JSON_NAME) put(out, every ? " : " : ":", every ? 3 : 1);
}

/* The same document, spelt otherwise. False if it holds a string too long for an identifier: how
 * long one is, is told of its spelling. */
static bool spell(text *out, const char *body, size_t n, bool every) {
  mkt_json json;
  mkt_json_token last = MKT_JSON_NAME;
  mkt_json_init(&json, body, n, MKT_JSON_RFC8259);
  for (;;) {
    mkt_json_token token = mkt_json_next(&json);
    MKT_FUZZ_CHECK(token != MKT_JSON_FAULT);
    if (token == MKT_JSON_END) return true;
    if (token == MKT_JSON_STRING && json.text.n > MKT_MAX_ID_BYTES) return false;
    bool ends = token == MKT_JSON_OBJECT_END || token == MKT_JSON_ARRAY_END;
    bool begins = last == MKT_JSON_NAME || last == MKT_JSON_OBJECT || last == MKT_JSON_ARRAY;
    if (!ends && !begins) put(out, every ? "\n, " : ",", every ? 3 : 1);
    put_token(out, &json, token, every);
    last = token;
  }
}

static bool same_text(mkt_json_text a, mkt_json_text b) {
  return (a.p == NULL) == (b.p == NULL) && (a.p == NULL || mkt_json_equal(a, b));
}

static void check_same_event(const mkt_notification *a, const mkt_notification *b) {
  MKT_FUZZ_CHECK(a->event == b->event && a->generation == b->generation);
  MKT_FUZZ_CHECK(a->known_type == b->known_type && a->has_time == b->has_time);
  if (!a->has_time) return;
  MKT_FUZZ_CHECK(a->time.seconds == b->time.seconds && a->time.nanoseconds == b->time.nanoseconds);
}

static void check_same_texts(const mkt_notification *a, const mkt_notification *b) {
  const mkt_json_text pairs[][2] = {
      {a->type, b->type},
      {a->id, b->id},
      {a->app_id, b->app_id},
      {a->marketplace_app_id, b->marketplace_app_id},
      {a->package_id, b->package_id},
      {a->package_version_id, b->package_version_id},
      {a->timestamp, b->timestamp},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    MKT_FUZZ_CHECK(same_text(pairs[i][0], pairs[i][1]));
  MKT_FUZZ_CHECK((a->territories.p == NULL) == (b->territories.p == NULL));
  MKT_FUZZ_CHECK((a->package_ids.p == NULL) == (b->package_ids.p == NULL));
}

static void check_spelt(const mkt_notification *read, const char *body, size_t n, bool every) {
  text other = {malloc(8 * n), 0};
  MKT_FUZZ_CHECK(other.p != NULL);
  if (spell(&other, body, n, every)) {
    mkt_notification again;
    MKT_FUZZ_CHECK(mkt_notification_parse(other.p, other.n, &again, NULL) == MKT_OK);
    check_same_event(read, &again);
    check_same_texts(read, &again);
  }
  free(other.p);
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
  MKT_FUZZ_CHECK(mkt_notification_parse(body, n, &again, NULL) == MKT_OK);
  MKT_FUZZ_CHECK(read.event == again.event && read.id.p == again.id.p && read.id.n == again.id.n);
  check_spelt(&read, body, n, false);
  check_spelt(&read, body, n, true);
  size_t end = n;
  while (end > 0 && memchr(" \t\r\n", body[end - 1], 4) != NULL)
    end--;
  MKT_FUZZ_CHECK(mkt_notification_parse(body, end - 1, &again, NULL) == MKT_ERR_JSON_INVALID);
  return 0;
}
