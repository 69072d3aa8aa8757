#include "server/head.h"
#include "test/support.h"

#include <string.h>

static mkt_head with_fields(const char *const *fields) {
  mkt_head head = {0};
  for (size_t i = 0; fields[i] != NULL; i += 2)
    mkt_head_add(&head, fields[i], strlen(fields[i]), fields[i + 1], strlen(fields[i + 1]));
  return head;
}

#define JUDGE(method, is_http_1_0, ...)                                                            \
  judge((const char *const[]){__VA_ARGS__, NULL}, method, is_http_1_0)

static mkt_fault judge(const char *const *fields, const char *method, bool is_http_1_0) {
  const mkt_head head = with_fields(fields);
  return mkt_head_judge(&head, method, is_http_1_0);
}

static void takes_one_length_or_chunks(void **state) {
  (void)state;
  assert_int_equal(JUDGE("POST", false, "host", "a", "content-length", "5"), MKT_FAULT_NONE);
  assert_int_equal(JUDGE("POST", false, "host", "", "content-length", "0"), MKT_FAULT_NONE);
  assert_int_equal(JUDGE("POST", false, "host", "[::1]:80", "transfer-encoding", "Chunked"),
                   MKT_FAULT_NONE);
  assert_int_equal(JUDGE("POST", true, "content-length", "5"), MKT_FAULT_NONE);
  assert_int_equal(JUDGE("GET", false, "host", "a"), MKT_FAULT_NONE);
}

static void takes_nothing_that_contradicts_itself(void **state) {
  (void)state;
  static const char *const ends[][2] = {{"content-length", "5"}, {"transfer-encoding", "chunked"}};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(JUDGE("POST", false, "host", "a", ends[i % 2][0], ends[i % 2][1],
                           ends[i / 2][0], ends[i / 2][1]),
                     MKT_FAULT_MALFORMED);
  }
  assert_int_equal(JUDGE("GET", false, "host", "a", "host", "a"), MKT_FAULT_MALFORMED);
  assert_int_equal(JUDGE("GET", true, "host", "a", "host", "a"), MKT_FAULT_MALFORMED);
  assert_int_equal(JUDGE("GET", false, "x", "y"), MKT_FAULT_MALFORMED);
  assert_int_equal(JUDGE("POST", true, "transfer-encoding", "chunked"), MKT_FAULT_MALFORMED);
}

static void wants_to_know_where_a_post_ends(void **state) {
  (void)state;
  assert_int_equal(JUDGE("POST", false, "host", "a"), MKT_FAULT_NO_LENGTH);
  assert_int_equal(JUDGE("POST", true, "x", "y"), MKT_FAULT_NO_LENGTH);
  assert_int_equal(JUDGE("PUT", false, "host", "a"), MKT_FAULT_NONE);
}

static void takes_lengths_of_digits_only(void **state) {
  (void)state;
  static const char *const wrong[] = {"", "+5", "-5", "5 5", "5,5", "0x5", "five", "5\x01"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_int_equal(JUDGE("POST", false, "host", "a", "content-length", wrong[i]),
                     MKT_FAULT_MALFORMED);
}

static void counts_a_length_of_more_than_64_bits_as_the_largest(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t length;
  } lengths[] = {{"0", 0},
                 {"0012", 12},
                 {"18446744073709551614", UINT64_MAX - 1},
                 {"18446744073709551615", UINT64_MAX},
                 {"18446744073709551616", UINT64_MAX},
                 {"99999999999999999999999999990", UINT64_MAX}};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    const mkt_head head =
        with_fields((const char *const[]){"content-length", lengths[i].text, NULL});
    assert_int_equal(head.length, lengths[i].length);
  }
}

static void takes_no_control_characters_in_values(void **state) {
  (void)state;
  for (int c = 1; c < 256; c++) {
    const char value[] = {'a', (char)c, 'b', '\0'};
    bool is_taken = c == '\t' || (c >= ' ' && c != 0x7F);
    assert_int_equal(JUDGE("GET", false, "host", "a", "x", value),
                     is_taken ? MKT_FAULT_NONE : MKT_FAULT_MALFORMED);
  }
  mkt_head head = {0};
  mkt_head_add(&head, "x", 1, "a\0b", 3);
  assert_true(head.is_malformed);
}

static void takes_no_host_that_could_hold_another(void **state) {
  (void)state;
  static const char *const wrong[] = {"a b", "a,b", "a/b", "a?b", "a#b", "b@a", "a\\b", "\xC3\xA9"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_int_equal(JUDGE("GET", false, "host", wrong[i]), MKT_FAULT_MALFORMED);
}

static void knows_who_may_close_the_connection(void **state) {
  (void)state;
  assert_false(with_fields((const char *const[]){"x", "close", NULL}).may_close);
  assert_false(with_fields((const char *const[]){"connection", "Keep-Alive", NULL}).may_close);
  assert_true(with_fields((const char *const[]){"connection", "x, close", NULL}).may_close);
}

static void lowers_names_of_tokens(void **state) {
  (void)state;
  char lowered[MKT_FIELD_NAME_MOST], longest[MKT_FIELD_NAME_MOST + 1];
  memset(longest, 'A', sizeof longest);
  assert_true(mkt_head_lower_name(lowered, longest, MKT_FIELD_NAME_MOST));
  assert_int_equal(lowered[MKT_FIELD_NAME_MOST - 1], 'a');
  assert_false(mkt_head_lower_name(lowered, longest, sizeof longest));
  assert_false(mkt_head_lower_name(lowered, "", 0));
  assert_false(mkt_head_lower_name(lowered, "a b", 3));
  assert_false(mkt_head_lower_name(lowered, "a\0b", 3));
}

static void takes_targets_of_three_forms(void **state) {
  (void)state;
  static const char *const right[] = {"/", "/a?b", "*", "http://a/", "HTTPS://a"};
  static const char *const wrong[] = {"",      "a",     "a:80", "ftp://a/", "/a b",
                                      "/\x7F", "/\xC3", "**",   "http://"};
  for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
    assert_true(mkt_head_is_target(right[i], strlen(right[i])));
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_false(mkt_head_is_target(wrong[i], strlen(wrong[i])));
}

/* Each is a head of POST /x as libmicrohttpd leaves it, from the version on. */
static bool is_whole(const char *rest, size_t n) {
  char head[128] = "POST\0/x";
  memcpy(head + 8, rest, n);
  mkt_guarded copy = mkt_guard(head, 8 + n);
  bool whole = mkt_head_is_whole(copy.p, copy.n, 2);
  mkt_unguard(&copy);
  return whole;
}

#define IS_WHOLE(rest) is_whole(rest, sizeof(rest) - 1)

static void sees_that_a_head_is_whole(void **state) {
  (void)state;
  assert_true(IS_WHOLE("HTTP/1.1\0\0\0\0"));
  assert_true(IS_WHOLE("HTTP/1.0\0\0Host\0a\0\0\0\0"));
  assert_true(IS_WHOLE("HTTP/1.1\0\0Host\0 \ta b \0\0X\0\0\0Y\0z\0\0\0\0"));
}

static void sees_what_libmicrohttpd_skips_ignores_and_joins(void **state) {
  (void)state;
  assert_false(IS_WHOLE("HTTP/1.1\0\0"));                      /* no end */
  assert_false(IS_WHOLE("HTTP/1.1\0Host\0a\0\0\0\0"));         /* a line feed alone */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host\0a\0X\0y\0\0\0\0")); /* likewise */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host\0a\0\0\0"));         /* likewise, the empty line */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host\0a\0\0\0\0\0"));     /* a colon or NUL as the last line */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host\0a\0\0\0x\0\0"));    /* what follows such a one */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host\0a\0b\0\0\0\0"));    /* a NUL in a value */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host\0a\0\0 b\0\0\0\0")); /* a line that continues another */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host \0a\0\0\0\0"));      /* a space behind a name */
  assert_false(IS_WHOLE("HTTP/1.1\0\0Host\0a\rb\0\0\0\0"));    /* a carriage return */
  assert_false(IS_WHOLE("HTTP/1.2\0\0\0\0"));
  assert_false(mkt_head_is_whole("POST\0/xHTTP/1.1\0\0\0\0", 19, 2));
  assert_false(mkt_head_is_whole("\0/x\0HTTP/1.1\0\0\0\0", 16, 2));
  assert_false(mkt_head_is_whole("POST", 4, 2));
  assert_false(mkt_head_is_whole("POST\0/x", 7, 20));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_one_length_or_chunks),
      cmocka_unit_test(takes_nothing_that_contradicts_itself),
      cmocka_unit_test(wants_to_know_where_a_post_ends),
      cmocka_unit_test(takes_lengths_of_digits_only),
      cmocka_unit_test(counts_a_length_of_more_than_64_bits_as_the_largest),
      cmocka_unit_test(takes_no_control_characters_in_values),
      cmocka_unit_test(takes_no_host_that_could_hold_another),
      cmocka_unit_test(knows_who_may_close_the_connection),
      cmocka_unit_test(lowers_names_of_tokens),
      cmocka_unit_test(takes_targets_of_three_forms),
      cmocka_unit_test(sees_that_a_head_is_whole),
      cmocka_unit_test(sees_what_libmicrohttpd_skips_ignores_and_joins),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
