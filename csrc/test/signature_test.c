#include "core/digest.h"
#include "core/signature.h"
#include "test/support.h"

#include <openssl/err.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Apple's published example ("Configuring webhook notifications"). */
static const char apple_secret[] = "This is my secret";
static const char apple_body[] = "Hello, World!";
static const char apple_header[] =
    "hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657";

static void add_secret(mkt_keyring *keyring, const char *secret, size_t n) {
  assert_int_equal(mkt_keyring_add(keyring, secret, n, NULL), MKT_OK);
}

static mkt_code verify_with(const char *secret, size_t secret_n, const char *body, size_t n,
                            const char *header, size_t header_n) {
  mkt_keyring keyring = {.count = 0};
  add_secret(&keyring, secret, secret_n);
  mkt_guarded body_copy = mkt_guard(body, n);
  mkt_guarded header_copy = mkt_guard(header, header_n);
  unsigned matched = 99;
  mkt_error error;
  mkt_code code = mkt_verify(&keyring, body_copy.p, n, header_copy.p, header_n, &matched, &error);
  assert_true(code == MKT_OK ? matched == 0 : error.code == code);
  mkt_unguard(&header_copy);
  mkt_unguard(&body_copy);
  mkt_keyring_clear(&keyring);
  return code;
}

static void apples_example(void **state) {
  (void)state;
  assert_int_equal(verify_with(apple_secret, strlen(apple_secret), apple_body, strlen(apple_body),
                               apple_header, strlen(apple_header)),
                   MKT_OK);
  mkt_keyring keyring = {.count = 0};
  add_secret(&keyring, apple_secret, strlen(apple_secret));
  char signature[MKT_SIGNATURE_BYTES];
  for (int again = 0; again < 3; again++) {
    memset(signature, 0, sizeof signature);
    assert_int_equal(mkt_sign(&keyring, apple_body, strlen(apple_body), signature, NULL), MKT_OK);
    assert_memory_equal(signature, apple_header, sizeof signature);
  }
  mkt_keyring_clear(&keyring);
  mkt_keyring_clear(&keyring);
}

/* Calls `verify_flipped` with each bit of the text flipped in turn. */
static void flip_each_bit(const char *text, void (*verify_flipped)(const char *flipped, size_t n)) {
  char copy[128];
  size_t n = strlen(text);
  assert_true(n <= sizeof copy);
  for (size_t bit = 0; bit < n * 8; bit++) {
    memcpy(copy, text, n);
    copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
    verify_flipped(copy, n);
  }
}

static void refuse_body(const char *flipped, size_t n) {
  assert_int_equal(verify_with(apple_secret, strlen(apple_secret), flipped, n, apple_header,
                               strlen(apple_header)),
                   MKT_ERR_SIGNATURE_MISMATCH);
}

static void refuse_secret(const char *flipped, size_t n) {
  assert_int_equal(
      verify_with(flipped, n, apple_body, strlen(apple_body), apple_header, strlen(apple_header)),
      MKT_ERR_SIGNATURE_MISMATCH);
}

static bool is_hex_digit_of_apples(char c) {
  return c != '\0' && strchr("0123456789abcdef", c) != NULL;
}

static void refuse_header(const char *flipped, size_t n) {
  bool well_formed = memcmp(flipped, "hmacsha256=", 11) == 0;
  for (size_t i = 11; i < n; i++)
    well_formed = well_formed && is_hex_digit_of_apples(flipped[i]);
  assert_int_equal(
      verify_with(apple_secret, strlen(apple_secret), apple_body, strlen(apple_body), flipped, n),
      well_formed ? MKT_ERR_SIGNATURE_MISMATCH : MKT_ERR_SIGNATURE_MALFORMED);
}

static void one_flipped_bit(void **state) {
  (void)state;
  flip_each_bit(apple_body, refuse_body);
  flip_each_bit(apple_secret, refuse_secret);
  flip_each_bit(apple_header, refuse_header);
}

static void rotation_tells_which(void **state) {
  (void)state;
  mkt_keyring keyring = {.count = 0};
  for (int i = 0; i < MKT_MAX_SECRETS; i++) {
    char secret[32];
    int n = snprintf(secret, sizeof secret, "secret number %d", i);
    add_secret(&keyring, secret, (size_t)n);
  }
  for (int i = 0; i < MKT_MAX_SECRETS; i++) {
    char secret[32];
    mkt_keyring one = {.count = 0};
    int n = snprintf(secret, sizeof secret, "secret number %d", i);
    add_secret(&one, secret, (size_t)n);
    char header[MKT_SIGNATURE_BYTES];
    assert_int_equal(mkt_sign(&one, "body", 4, header, NULL), MKT_OK);
    unsigned matched = 99;
    assert_int_equal(mkt_verify(&keyring, "body", 4, header, sizeof header, &matched, NULL),
                     MKT_OK);
    assert_int_equal(matched, i);
    mkt_keyring_clear(&one);
  }
  mkt_keyring_clear(&keyring);
}

static void first_of_equal_secrets(void **state) {
  (void)state;
  mkt_keyring keyring = {.count = 0};
  add_secret(&keyring, "other", 5);
  add_secret(&keyring, apple_secret, strlen(apple_secret));
  add_secret(&keyring, apple_secret, strlen(apple_secret));
  unsigned matched = 99;
  assert_int_equal(mkt_verify(&keyring, apple_body, strlen(apple_body), apple_header,
                              strlen(apple_header), &matched, NULL),
                   MKT_OK);
  assert_int_equal(matched, 1);
  mkt_keyring_clear(&keyring);
}

static void malformed_headers_tell_where(void **state) {
  (void)state;
  static const struct {
    const char *header;
    long long offset;
  } cases[] = {
      {"", 0},
      {"hmacsha256", 0},
      {"hmacsha1=7f062172b01cb00b53ca068614674a3d982a3406", 0},
      {"HMACSHA256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657", 0},
      {"7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657", 0},
      {" hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657", 0},
      {"hmacsha256=", MKT_ERROR_NO_OFFSET},
      {"hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e5465",
       MKT_ERROR_NO_OFFSET},
      {"hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e546570",
       MKT_ERROR_NO_OFFSET},
      {"hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657 ",
       MKT_ERROR_NO_OFFSET},
      {"hmacsha256=7F062172B01CB00B53CA068614674A3D982A34062A0F5D37687D5E3377E54657", 12},
      {"hmacsha256= f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e54657", 11},
      {"hmacsha256=7f062172b01cb00b53ca068614674a3d982a34062a0f5d37687d5e3377e5465g", 74},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mkt_guarded copy = mkt_guard(cases[i].header, strlen(cases[i].header));
    unsigned char tag[MKT_TAG_BYTES];
    mkt_error error = {.code = MKT_OK};
    assert_int_equal(mkt_signature_parse(copy.p, copy.n, tag, &error), MKT_ERR_SIGNATURE_MALFORMED);
    assert_int_equal(error.offset, cases[i].offset);
    mkt_unguard(&copy);
  }
}

/* FIPS 180-4's own examples. */
static void sha256(void **state) {
  (void)state;
  static const unsigned char of_abc[] = {0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA,
                                         0x41, 0x41, 0x40, 0xDE, 0x5D, 0xAE, 0x22, 0x23,
                                         0xB0, 0x03, 0x61, 0xA3, 0x96, 0x17, 0x7A, 0x9C,
                                         0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD};
  unsigned char digest[MKT_SHA256_BYTES];
  assert_int_equal(mkt_sha256("abc", 3, digest, NULL), MKT_OK);
  assert_memory_equal(digest, of_abc, sizeof digest);
}

static int openssl_queue_is_empty(void **state) {
  (void)state;
  return ERR_peek_error() == 0 ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(apples_example, openssl_queue_is_empty),
      cmocka_unit_test_teardown(one_flipped_bit, openssl_queue_is_empty),
      cmocka_unit_test_teardown(rotation_tells_which, openssl_queue_is_empty),
      cmocka_unit_test_teardown(first_of_equal_secrets, openssl_queue_is_empty),
      cmocka_unit_test_teardown(malformed_headers_tell_where, openssl_queue_is_empty),
      cmocka_unit_test_teardown(sha256, openssl_queue_is_empty),
  };
  return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
