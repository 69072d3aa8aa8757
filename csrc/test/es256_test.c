#include "core/base64url.h"
#include "core/es256.h"
#include "test/support.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
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

/* With r = -e/d, whatever s is, the point that r is compared with is the one at infinity. */
static void sign_with_infinity(const mkt_es256_key *key, const char *text, size_t n,
                               unsigned char signature[64]) {
  unsigned char digest[32];
  EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  BN_CTX *context = BN_CTX_new();
  const BIGNUM *order = EC_GROUP_get0_order(group);
  BIGNUM *d = NULL;
  assert_int_equal(EVP_PKEY_get_bn_param(key->pkey, "priv", &d), 1);
  assert_int_equal(EVP_Digest(text, n, digest, NULL, EVP_sha256(), NULL), 1);
  BIGNUM *r = BN_bin2bn(digest, sizeof digest, NULL);
  assert_non_null(BN_mod_inverse(d, d, order, context));
  assert_int_equal(BN_mod_mul(r, r, d, order, context), 1);
  assert_int_equal(BN_sub(r, order, r), 1);
  assert_int_equal(BN_bn2binpad(r, signature, 32), 32);
  memset(signature + 32, 1, 32);
  BN_free(r);
  BN_clear_free(d);
  BN_CTX_free(context);
  EC_GROUP_free(group);
}

static void takes_no_signature_that_none_can_make(void **state) {
  (void)state;
  static const char text[] = "a text";
  mkt_es256_key key = {0};
  unsigned char signatures[4][64] = {{0}};
  assert_int_equal(mkt_es256_read_private(&key, pkcs8, strlen(pkcs8), NULL), MKT_OK);
  memset(signatures[1], 0xFF, 64);
  memset(signatures[2], 1, 64);
  sign_with_infinity(&key, text, sizeof text, signatures[3]);
  for (size_t i = 0; i < 4; i++) {
    mkt_error error;
    assert_int_equal(mkt_es256_verify(&key, text, sizeof text, signatures[i], 64, &error),
                     MKT_ERR_SIGNATURE_MISMATCH);
    assert_string_equal(error.message, "the key did not make this signature");
    assert_int_equal(ERR_peek_error(), 0);
  }
  mkt_es256_clear(&key);
}

static void reads_no_byte_past_the_key(void **state) {
  (void)state;
  for (size_t n = 0; n < strlen(pkcs8); n++) {
    mkt_guarded copy = mkt_guard(pkcs8, n);
    mkt_es256_key key = {0};
    mkt_error error;
    mkt_code code = mkt_es256_read_private(&key, copy.p, copy.n, &error);
    /* without the last line feed it is whole */
    assert_true(code == MKT_ERR_KEY_INVALID || n + 1 == strlen(pkcs8));
    mkt_es256_clear(&key);
    mkt_unguard(&copy);
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

static void decodes_what_it_encodes_and_nothing_else(void **state) {
  (void)state;
  unsigned char bytes[64];
  char text[96];
  unsigned char decoded[72];
  for (size_t n = 0; n <= sizeof bytes; n++) {
    for (size_t i = 0; i < n; i++)
      bytes[i] = (unsigned char)(i * 37 + n * 11);
    mkt_base64url_encode(bytes, n, text);
    mkt_guarded copy = mkt_guard(text, mkt_base64url_length(n));
    size_t decoded_n = 99;
    assert_int_equal(mkt_base64url_decoded_length(copy.n), n);
    assert_true(mkt_base64url_decode(copy.p, copy.n, decoded, &decoded_n));
    assert_int_equal(decoded_n, n);
    assert_memory_equal(decoded, bytes, n);
    mkt_unguard(&copy);
  }
  static const char *const wrong[] = {"Z",    "Zg==", "Zh",   "Zm9",   "Zm9vY",
                                      "Zm+v", "Zm/v", "Zm v", "Zm\xff"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    size_t n;
    assert_false(mkt_base64url_decode(wrong[i], strlen(wrong[i]), decoded, &n));
  }
  size_t n;
  assert_false(mkt_base64url_decode("Zg\0\0", 4, decoded, &n));
}

static void makes_keys_that_can_be_read(void **state) {
  (void)state;
  mkt_es256_key made = {0};
  mkt_es256_key read = {0};
  mkt_es256_key public = {0};
  char pem[MKT_ES256_PEM_BYTES];
  unsigned char signature[MKT_ES256_SIGNATURE_BYTES];
  size_t n;
  assert_int_equal(mkt_es256_generate(&made, NULL), MKT_OK);
  assert_int_equal(mkt_es256_write_private(&made, pem, &n, NULL), MKT_OK);
  assert_int_equal(n, strlen(pem));
  assert_memory_equal(pem, "-----BEGIN PRIVATE KEY-----\n", 28);
  assert_int_equal(mkt_es256_read_private(&read, pem, n, NULL), MKT_OK);
  assert_int_equal(mkt_es256_write_public(&read, pem, &n, NULL), MKT_OK);
  assert_memory_equal(pem, "-----BEGIN PUBLIC KEY-----\n", 27);
  assert_int_equal(mkt_es256_read_public(&public, pem, n, NULL), MKT_OK);
  assert_int_equal(mkt_es256_sign(&made, "text", 4, signature, NULL), MKT_OK);
  assert_int_equal(mkt_es256_verify(&public, "text", 4, signature, 64, NULL), MKT_OK);
  assert_int_equal(mkt_es256_write_private(&public, pem, &n, NULL), MKT_ERR_CRYPTO_FAILED);
  mkt_es256_clear(&made);
  mkt_es256_clear(&read);
  mkt_es256_clear(&public);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signs_what_verifies),
      cmocka_unit_test(takes_no_signature_that_none_can_make),
      cmocka_unit_test(reads_no_byte_past_the_key),
      cmocka_unit_test(encodes),
      cmocka_unit_test(decodes_what_it_encodes_and_nothing_else),
      cmocka_unit_test(makes_keys_that_can_be_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
