#include "core/json.h"
#include "test/support.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mkt_json json; /* the last document's reader, for a test to look at */

/* Reads a document to its end; whether it has none but allowed tokens. */
static bool accepts(const char *p, size_t n, mkt_json_flags flags) {
  mkt_guarded copy = mkt_guard(p, n);
  mkt_json_init(&json, copy.p, n, flags);
  mkt_json_token token;
  do {
    token = mkt_json_next(&json);
  } while (token != MKT_JSON_FAULT && token != MKT_JSON_END);
  assert_true(json.position <= n);
  assert_true(mkt_json_next(&json) == token);
  mkt_unguard(&copy);
  return token == MKT_JSON_END;
}

static bool accepts_text(const char *text) {
  return accepts(text, strlen(text), MKT_JSON_UNIQUE_NAMES);
}

static void expect_fault(const char *text, size_t position, const char *problem) {
  if (accepts_text(text)) fail_msg("%s was accepted", text);
  assert_non_null(json.problem);
  if (json.position != position || strstr(json.problem, problem) == NULL) {
    fail_msg("%s: %s at %zu", text, json.problem, json.position);
  }
}

static void tokens_in_order(void **state) {
  (void)state;
  static const char text[] = " { \"a\" : [ 1 , -2.5e+3 , true , false , null , \"x\" , { } ] } ";
  static const mkt_json_token expected[] = {
      MKT_JSON_OBJECT,     MKT_JSON_NAME,   MKT_JSON_ARRAY,      MKT_JSON_NUMBER,
      MKT_JSON_NUMBER,     MKT_JSON_TRUE,   MKT_JSON_FALSE,      MKT_JSON_NULL,
      MKT_JSON_STRING,     MKT_JSON_OBJECT, MKT_JSON_OBJECT_END, MKT_JSON_ARRAY_END,
      MKT_JSON_OBJECT_END, MKT_JSON_END,    MKT_JSON_END};
  mkt_json_init(&json, text, strlen(text), MKT_JSON_UNIQUE_NAMES);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    assert_int_equal(mkt_json_next(&json), expected[i]);
    if (i == 4) {
      assert_int_equal(json.text.n, 7);
      assert_memory_equal(json.text.p, "-2.5e+3", 7);
      assert_memory_equal(text + json.start, "-2.5e+3", 7);
    }
  }
}

static void faults_tell_byte_and_problem(void **state) {
  (void)state;
  expect_fault("", 0, "ends where a value is missing");
  expect_fault("[1,]", 3, "value is missing");
  expect_fault("[1 2]", 3, "comma or a closing bracket");
  expect_fault("[1", 2, "ends inside");
  expect_fault("{\"a\" 1}", 5, "colon");
  expect_fault("{1:2}", 1, "name is missing");
  expect_fault("{\"a\":1,}", 7, "name is missing");
  expect_fault("[1}", 2, "comma or a closing bracket");
  expect_fault("{} x", 3, "something follows");
  expect_fault("[-]", 2, "digit");
  expect_fault("[1.]", 3, "digit");
  expect_fault("[1e+]", 4, "digit");
  expect_fault("[01]", 2, "comma");
  expect_fault("\"abc", 4, "does not end");
  expect_fault("\"a\nb\"", 2, "control character");
  expect_fault("\"a\\x\"", 2, "escape");
  expect_fault("\"a\\", 2, "escape");
  expect_fault("\"a\\u", 2, "escape");
  expect_fault("\"a\\u00e", 2, "escape");
  expect_fault("\"a\\ud834\\udd1", 2, "escape");
  expect_fault("\"\\ud800\"", 1, "escape");
  expect_fault("\"\\udc00\\ud800\"", 1, "escape");
  expect_fault("\"\\ud834\\u0041\"", 1, "escape");
  expect_fault("\"ab\xC0\xAF\"", 3, "UTF-8");
  expect_fault("{\"a\":1,\"b\":2,\"a\":3}", 13, "twice");
}

static void any_bytes(void **state) {
  (void)state;
  static const char *const texts[] = {"\"ab\xC0\xAF\"", "{\"\xFF\":\"a\\n\xC3\"}",
                                      "\"sixteen bytes or \xED\xA0\x80 more than that\""};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_false(accepts(texts[i], strlen(texts[i]), MKT_JSON_RFC8259));
    assert_true(accepts(texts[i], strlen(texts[i]), MKT_JSON_ANY_BYTES));
  }
  assert_false(accepts("\"\x1F\"", 3, MKT_JSON_ANY_BYTES));
  assert_false(accepts("\"\xFF", 2, MKT_JSON_ANY_BYTES));
  assert_false(accepts("\xFF", 1, MKT_JSON_ANY_BYTES));
}

static void duplicates_behind_escapes(void **state) {
  (void)state;
  expect_fault("{\"data\":1,\"d\\u0061ta\":2}", 10, "twice");
  expect_fault("{\"d\\u0061t\\u0061\":1,\"data\":2}", 20, "twice");
  expect_fault("{\"\\/\":1,\"/\":2}", 8, "twice");
  expect_fault("{\"\\ud834\\udd1e\":1,\"\xF0\x9D\x84\x9E\":2}", 18, "twice");
  expect_fault("{\"a\":{\"b\":1,\"b\":2}}", 12, "twice");
  expect_fault("{\"a\":{\"b\":1},\"a\":2}", 13, "twice");
  assert_true(accepts_text("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"));
  assert_true(accepts_text("[{\"a\":1},{\"a\":1}]"));
  assert_true(accepts_text("{\"a\":1,\"A\":2,\"a \":3,\"\":4,\"\\u0000\":5,\"a\\u0000\":6}"));
  assert_true(accepts("{\"a\":1,\"a\":2}", 13, MKT_JSON_RFC8259));
}

/* A name and the same with one letter escaped have the same hash, which is of their first bytes. */
static void duplicates_of_every_length(void **state) {
  (void)state;
  static const char name[] = "abcdefghijklmnopqrstuvwxyz";
  for (int n = 1; n <= 26; n++) {
    for (int place = 0; place < n; place++) {
      char text[128];
      (void)snprintf(text, sizeof text, "{\"%.*s\":1,\"%.*s\\u%04x%.*s\":2}", n, name, place, name,
                     (unsigned)name[place], n - place - 1, name + place + 1);
      expect_fault(text, (size_t)n + 6, "twice");
      (void)snprintf(text, sizeof text, "{\"%.*s\":1,\"%.*s\\u%04x%.*s\":2}", n, name, place, name,
                     (unsigned)name[place] - 32, n - place - 1, name + place + 1);
      assert_true(accepts_text(text));
    }
  }
}

static char *nested(size_t depth, const char *open, const char *close, size_t *n) {
  size_t open_n = strlen(open);
  size_t close_n = strlen(close);
  char *text = malloc(depth * (open_n + close_n) + 1);
  assert_non_null(text);
  char *at = text;
  for (size_t i = 0; i < depth; i++, at += open_n)
    memcpy(at, open, open_n);
  *at++ = '1';
  for (size_t i = 0; i < depth; i++, at += close_n)
    memcpy(at, close, close_n);
  *n = (size_t)(at - text);
  return text;
}

static void depth_limit(void **state) {
  (void)state;
  for (size_t depth = 1; depth <= 200; depth++) {
    size_t n;
    char *arrays = nested(depth, "[", "]", &n);
    assert_int_equal(accepts(arrays, n, MKT_JSON_UNIQUE_NAMES), depth <= MKT_JSON_MAX_DEPTH);
    free(arrays);
    char *objects = nested(depth, "{\"a\":", "}", &n);
    assert_int_equal(accepts(objects, n, MKT_JSON_UNIQUE_NAMES), depth <= MKT_JSON_MAX_DEPTH);
    free(objects);
    char *mixed = nested(depth, "[{\"a\":", "}]", &n);
    assert_int_equal(accepts(mixed, n, MKT_JSON_UNIQUE_NAMES), 2 * depth <= MKT_JSON_MAX_DEPTH);
    free(mixed);
  }
}

static bool accepts_names(size_t count, mkt_json_flags flags) {
  char *text = malloc(count * 16 + 3);
  assert_non_null(text);
  size_t n = 0;
  text[n++] = '{';
  for (size_t i = 0; i < count; i++)
    n += (size_t)sprintf(text + n, "%s\"m%zu\":0", i > 0 ? "," : "", i);
  text[n++] = '}';
  bool accepted = accepts(text, n, flags);
  free(text);
  return accepted;
}

static void name_limit(void **state) {
  (void)state;
  assert_true(accepts_names(MKT_JSON_MAX_NAMES, MKT_JSON_UNIQUE_NAMES));
  assert_false(accepts_names(MKT_JSON_MAX_NAMES + 1, MKT_JSON_UNIQUE_NAMES));
  assert_non_null(strstr(json.problem, "1024"));
  assert_true(accepts_names(5000, MKT_JSON_RFC8259));
}

static void size_limit(void **state) {
  (void)state;
  size_t n = MKT_JSON_MAX_BYTES + 1;
  char *text = malloc(n);
  assert_non_null(text);
  memset(text, ' ', n);
  text[0] = '1';
  assert_true(accepts(text, n - 1, MKT_JSON_RFC8259));
  assert_false(accepts(text, n, MKT_JSON_RFC8259));
  assert_int_equal(json.position, MKT_JSON_MAX_BYTES);
  free(text);
}

static void byte_order_mark(void **state) {
  (void)state;
  assert_true(accepts_text("\xEF\xBB\xBF{}"));
  assert_false(accepts_text("\xEF\xBB\xBF"));
  assert_false(accepts_text("\xEF\xBB\xBF\xEF\xBB\xBF{}"));
  assert_false(accepts_text("{}\xEF\xBB\xBF"));
  assert_false(accepts_text("\xEF\xBB"));
}

static void expect_decoded(const char *document, const char *expected, size_t n) {
  char out[256];
  mkt_json_init(&json, document, strlen(document), MKT_JSON_UNIQUE_NAMES);
  assert_int_equal(mkt_json_next(&json), MKT_JSON_STRING);
  assert_true(json.text.n >= n && json.text.n <= sizeof out);
  assert_int_equal(mkt_json_decode(json.text, out), n);
  assert_memory_equal(out, expected, n);
  assert_true(mkt_json_is(json.text, expected, n));
  assert_false(mkt_json_is(json.text, "something else", 14));
  if (n > 0) assert_false(mkt_json_is(json.text, expected, n - 1));
}

static void decoding(void **state) {
  (void)state;
  expect_decoded("\"\"", "", 0);
  expect_decoded("\"plain\"", "plain", 5);
  expect_decoded("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
  expect_decoded("\"https:\\/\\/a\\/b\"", "https://a/b", 11);
  expect_decoded("\"\\u0041\\u00e9\\u20AC\\ud834\\udd1E\"", "A\xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E",
                 10);
  expect_decoded("\"a\\u0000b\"", "a\0b", 3);
}

static bool is_high(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(unsigned unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* As RFC 3629 has it, of what is right. */
static size_t encode(unsigned long scalar, char *out) {
  if (scalar >= 0x10000) {
    out[0] = (char)(0xF0 | scalar >> 18);
    out[1] = (char)(0x80 | (scalar >> 12 & 0x3F));
  } else {
    out[0] = (char)(0xE0 | scalar >> 12);
  }
  size_t n = scalar >= 0x10000 ? 2 : 1;
  out[n++] = (char)(0x80 | (scalar >> 6 & 0x3F));
  out[n++] = (char)(0x80 | (scalar & 0x3F));
  return n;
}

static void expect_units(unsigned first, unsigned second) {
  char text[16];
  char out[8];
  (void)snprintf(text, sizeof text, "\"\\u%04X\\u%04x\"", first, second);
  if (is_high(first) && is_low(second)) {
    size_t n = encode(0x10000 + (first - 0xD800) * 0x400UL + second - 0xDC00, out);
    expect_decoded(text, out, n);
  } else if (is_high(first) || is_low(first) || is_low(second)) {
    expect_fault(text, is_high(first) || is_low(first) ? 1 : 7, "escape");
  } else if (is_high(second)) {
    expect_fault(text, 7, "escape");
  } else {
    size_t n = encode(first, out);
    expect_decoded(text, out, n + encode(second, out + n));
  }
}

static void surrogates_at_their_edges(void **state) {
  (void)state;
  static const unsigned units[] = {0xD7FF, 0xD800, 0xD801, 0xDBFE, 0xDBFF,
                                   0xDC00, 0xDC01, 0xDFFE, 0xDFFF, 0xE000};
  const size_t count = sizeof units / sizeof *units;
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < count; k++)
      expect_units(units[i], units[k]);
  }
  expect_fault("\"\\ud834\"", 1, "escape");
  expect_fault("\"\\ud834x\\udd1e\"", 1, "escape");
  expect_fault("\"\\ud834\\n\"", 1, "escape");
  expect_fault("\"\\ud834\\udd1\"", 1, "escape");
  expect_fault("\"\\ud834/udd1e\"", 1, "escape");
  expect_fault("\"\\ud834\\Udd1e\"", 1, "escape");
}

static void hex_digits_at_their_edges(void **state) {
  (void)state;
  expect_decoded("\"\\u0f0F\\u09aA\\u9fAf\"", "\xE0\xBC\x8F\xE0\xA6\xAA\xE9\xBE\xAF", 9);
  static const char around[] = "/:@G`g";
  for (const char *c = around; *c != '\0'; c++) {
    for (int place = 3; place < 7; place++) {
      char text[] = "\"\\u0000\"";
      text[place] = *c;
      expect_fault(text, 1, "escape");
    }
  }
}

/* A run of plain bytes is read eight or sixteen at a time: what ends it must be found in each of
 * the places. */
static void every_byte_at_every_place_of_a_string(void **state) {
  (void)state;
  for (size_t length = 1; length <= 40; length++) {
    for (size_t place = 0; place < length; place++) {
      for (unsigned byte = 0; byte <= 0xFF; byte++) {
        char text[48] = "\"";
        memset(text + 1, 'p', length);
        text[1 + place] = (char)byte;
        text[1 + length] = '"';
        bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
        if (accepts(text, length + 2, MKT_JSON_UNIQUE_NAMES) != plain) {
          /* a backslash before a quote, or before p, is no string either; a quote ends it early */
          fail_msg("byte %02x at %zu of %zu", byte, place, length);
        }
      }
    }
  }
}

static void skipping(void **state) {
  (void)state;
  static const char text[] = "[{\"a\":[1,{\"b\":[]}]},2,[[[]]]]";
  mkt_json_init(&json, text, strlen(text), MKT_JSON_UNIQUE_NAMES);
  assert_int_equal(mkt_json_next(&json), MKT_JSON_ARRAY);
  assert_true(mkt_json_skip(&json, mkt_json_next(&json)));
  mkt_json_token token = mkt_json_next(&json);
  assert_int_equal(token, MKT_JSON_NUMBER);
  assert_true(mkt_json_skip(&json, token));
  assert_true(mkt_json_skip(&json, mkt_json_next(&json)));
  assert_int_equal(mkt_json_next(&json), MKT_JSON_ARRAY_END);
  assert_int_equal(mkt_json_next(&json), MKT_JSON_END);
  mkt_json_init(&json, "[[1,", 4, MKT_JSON_UNIQUE_NAMES);
  assert_int_equal(mkt_json_next(&json), MKT_JSON_ARRAY);
  assert_false(mkt_json_skip(&json, MKT_JSON_ARRAY));
}

static const char sample[] =
    "{\"data\":{\"type\":\"AppUnavailable\",\"version\":1,\"id\":\"\\u0041-\xC3\xA9\",\"list\":[1."
    "5e"
    "-3,true,false,null,\"\\ud834\\udd1e\"],\"attributes\":{\"a\":\"b\\/c\"}}}";

static void every_prefix_is_refused(void **state) {
  (void)state;
  for (size_t n = 0; n < sizeof sample - 1; n++)
    assert_false(accepts(sample, n, MKT_JSON_UNIQUE_NAMES));
  assert_true(accepts(sample, sizeof sample - 1, MKT_JSON_UNIQUE_NAMES));
}

static void every_changed_byte_ends_well(void **state) {
  (void)state;
  char changed[sizeof sample];
  unsigned accepted = 0;
  for (size_t i = 0; i < sizeof sample - 1; i++) {
    for (unsigned byte = 0; byte <= 0xFF; byte++) {
      memcpy(changed, sample, sizeof sample);
      changed[i] = (char)byte;
      accepted += accepts(changed, sizeof sample - 1, MKT_JSON_UNIQUE_NAMES);
    }
  }
  assert_in_range(accepted, sizeof sample - 1, 256 * (sizeof sample - 1) / 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_in_order),
      cmocka_unit_test(faults_tell_byte_and_problem),
      cmocka_unit_test(any_bytes),
      cmocka_unit_test(duplicates_behind_escapes),
      cmocka_unit_test(duplicates_of_every_length),
      cmocka_unit_test(depth_limit),
      cmocka_unit_test(name_limit),
      cmocka_unit_test(size_limit),
      cmocka_unit_test(byte_order_mark),
      cmocka_unit_test(decoding),
      cmocka_unit_test(surrogates_at_their_edges),
      cmocka_unit_test(hex_digits_at_their_edges),
      cmocka_unit_test(every_byte_at_every_place_of_a_string),
      cmocka_unit_test(skipping),
      cmocka_unit_test(every_prefix_is_refused),
      cmocka_unit_test(every_changed_byte_ends_well),
  };
  return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
