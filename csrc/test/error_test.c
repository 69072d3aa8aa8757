#include "core/error.h"
#include "test/support.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static void words_are_lower_case_and_all_different(void **state) {
  (void)state;
  for (int i = 0; i < MKT_CODE_COUNT; i++) {
    const char *word = mkt_code_word((mkt_code)i);
    for (const char *c = word; *c != '\0'; c++)
      assert_true(islower((unsigned char)*c) || *c == '_');
    assert_true(strlen(mkt_code_text((mkt_code)i)) > 0);
    for (int j = 0; j < i; j++)
      assert_string_not_equal(word, mkt_code_word((mkt_code)j));
  }
}

static void fills_everything(void **state) {
  (void)state;
  mkt_error error;
  memset(&error, 0x5A, sizeof error);
  assert_int_equal(mkt_fail(&error, MKT_ERR_TIMEOUT, "after %d seconds", 3), MKT_ERR_TIMEOUT);
  assert_int_equal(error.code, MKT_ERR_TIMEOUT);
  assert_true(error.retryable);
  assert_true(error.offset == MKT_ERROR_NO_OFFSET);
  assert_string_equal(error.message, "after 3 seconds");
  (void)mkt_fail_at(&error, MKT_ERR_JSON_INVALID, 17, "a comma is missing");
  assert_false(error.retryable);
  assert_true(error.offset == 17);
  assert_string_equal(error.message, "a comma is missing at byte 17");
  (void)mkt_fail(&error, MKT_ERR_TOO_LARGE, NULL);
  assert_string_equal(error.message, mkt_code_text(MKT_ERR_TOO_LARGE));
}

static void cuts_what_does_not_fit(void **state) {
  (void)state;
  char text[1000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  mkt_error error;
  (void)mkt_fail(&error, MKT_ERR_TIMEOUT, "%s", text);
  assert_int_equal(strlen(error.message), MKT_ERROR_MESSAGE_BYTES - 1);
}

static void nobody_needs_to_ask_why(void **state) {
  (void)state;
  assert_int_equal(mkt_fail(NULL, MKT_ERR_TIMEOUT, "%d", 1), MKT_ERR_TIMEOUT);
  assert_int_equal(mkt_fail_at(NULL, MKT_ERR_TIMEOUT, 1, "x"), MKT_ERR_TIMEOUT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_lower_case_and_all_different),
      cmocka_unit_test(fills_everything),
      cmocka_unit_test(cuts_what_does_not_fit),
      cmocka_unit_test(nobody_needs_to_ask_why),
  };
  return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
