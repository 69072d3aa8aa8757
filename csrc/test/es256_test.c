#include "core/base64url.h"
#include "core/es256.h"
#include "test/support.h"

#include <string.h>

/* made for these tests, and used nowhere else */
static const char pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
                            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgItdx/jjmsJ7HPZZ2\n"
                            "I94PzjCNuhJ/QCOHa3xty6lY0LKhRANCAATRkIjyvtRZ5hLcZQFcLj6ZLOTfktAc\n"
                            "FeQVcbNLRa8kmQLyDgVbLnh2VuVYOnHq7LNX0jE1pIJO/N4O5fnX5z9z\n"
                            "-----END PRIVATE KEY-----\n";

static void signs_what_verifies(void **state) {
  (void)state;
  mkt_es256_key key = {0};
  unsigned char signature[MKT_ES256_SIGNATURE_BYTES];
  assert_int_equal(mkt_es256_read_private(&key, pkcs8, strlen(pkcs8), NULL), MKT_OK);
  for (int i = 0; i < 64; i++) {
    char text[] = "a text that is signed";
    text[0] = (char)('a' + i);
    assert_int_equal(mkt_es256_sign(&key, text, sizeof text, signature, NULL), MKT_OK);
    assert_int_equal(mkt_es256_verify(&key, text, sizeof text, signature, 64, NULL), MKT_OK);
    signature[i] ^= 1;
    assert_int_equal(mkt_es256_verify(&key, text, sizeof text, signature, 64, NULL),
                     MKT_ERR_SIGNATURE_MISMATCH);
    signature[i] ^= 1;
    text[3] ^= 1;
    assert_int_equal(mkt_es256_verify(&key, text, sizeof text, signature, 64, NULL),
                     MKT_ERR_SIGNATURE_MISMATCH);
  }
  assert_int_equal(mkt_es256_verify(&key, "", 0, signature, 63, NULL), MKT_ERR_SIGNATURE_MISMATCH);
  mkt_es256_clear(&key);
  mkt_es256_clear(&key);
}

static void reads_no_byte_past_the_key(void **state) {
  (void)state;
  for (size_t n = 0; n < strlen(pkcs8); n++) {
    guarded copy = guard(pkcs8, n);
    mkt_es256_key key = {0};
    mkt_error error;
    mkt_code code = mkt_es256_read_private(&key, copy.p, copy.n, &error);
    /* without the last line feed it is whole */
    assert_true(code == MKT_ERR_KEY_INVALID || n + 1 == strlen(pkcs8));
    mkt_es256_clear(&key);
    unguard(&copy);
  }
}

static void encodes(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    const char *text;
  } cases[] = {
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char out[16] = {0};
    size_t n = strlen(cases[i].bytes);
    assert_int_equal(mkt_base64url_length(n), strlen(cases[i].text));
    mkt_base64url_encode((const unsigned char *)cases[i].bytes, n, out);
    assert_string_equal(out, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signs_what_verifies),
      cmocka_unit_test(reads_no_byte_past_the_key),
      cmocka_unit_test(encodes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
