#include "core/openssl_version.h"
#include "test/support.h"

#include <string.h>

static const unsigned long V1_1_1 = 0x1010117FUL, V3_0 = 0x300000D0UL, V3_4 = 0x30400010UL,
                           V4_0 = 0x40000000UL;

static void takes_the_same_and_a_newer_minor(void **state) {
  (void)state;
  assert_int_equal(mkt_openssl_fits(V3_0, V3_0, NULL), MKT_OK);
  assert_int_equal(mkt_openssl_fits(V3_0, V3_0 + 0x20, NULL), MKT_OK);
  assert_int_equal(mkt_openssl_fits(V3_0 + 0x20, V3_0, NULL), MKT_OK);
  assert_int_equal(mkt_openssl_fits(V3_0, V3_4, NULL), MKT_OK);
}

static void refuses_an_older_minor_and_another_major(void **state) {
  (void)state;
  mkt_error error;
  assert_int_equal(mkt_openssl_fits(V3_4, V3_0, &error), MKT_ERR_CRYPTO_FAILED);
  assert_non_null(strstr(error.message, "was built for OpenSSL 3.4 and runs with 3.0"));
  assert_non_null(strstr(error.message, "nginx -V"));
  assert_int_equal(mkt_openssl_fits(V3_0, V1_1_1, &error), MKT_ERR_CRYPTO_FAILED);
  assert_non_null(strstr(error.message, "runs with 1.1"));
  assert_int_equal(mkt_openssl_fits(V3_0, V4_0, NULL), MKT_ERR_CRYPTO_FAILED);
}

static void fits_where_it_is_tested(void **state) {
  (void)state;
  assert_int_equal(mkt_openssl_check(NULL), MKT_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_the_same_and_a_newer_minor),
      cmocka_unit_test(refuses_an_older_minor_and_another_major),
      cmocka_unit_test(fits_where_it_is_tested),
  };
  return cmocka_run_group_tests_name("openssl_version", tests, NULL, NULL);
}
