/* The signature header: the first line of the input is the header, the rest the body. */
#include "core/signature.h"
#include "fuzz.h"

#include <string.h>

static bool is_strict(const char *header, size_t n) {
  if (n != 75 || memcmp(header, "hmacsha256=", 11) != 0) return false;
  for (size_t i = 11; i < n; i++)
    if (strchr("0123456789abcdef", header[i]) == NULL || header[i] == '\0') return false;
  return true;
}

static mkt_keyring *two_secrets(void) {
  static mkt_keyring keyring;
  if (keyring.count == 0) {
    MKT_FUZZ_CHECK(mkt_keyring_add(&keyring, "new", 3, NULL) == MKT_OK);
    MKT_FUZZ_CHECK(mkt_keyring_add(&keyring, "old\0er", 6, NULL) == MKT_OK);
  }
  return &keyring;
}

static void check_given(const char *header, size_t header_n, const char *body, size_t n) {
  unsigned char tag[MKT_TAG_BYTES];
  unsigned matched;
  mkt_error error;
  bool strict = is_strict(header, header_n);
  mkt_code code = mkt_signature_parse(header, header_n, tag, &error);
  MKT_FUZZ_CHECK(code == (strict ? MKT_OK : MKT_ERR_SIGNATURE_MALFORMED));
  if (!strict) {
    mkt_fuzz_check_error(&error);
    MKT_FUZZ_CHECK(error.offset == MKT_ERROR_NO_OFFSET || (size_t)error.offset <= header_n);
  }
  code = mkt_verify(two_secrets(), body, n, header, header_n, &matched, &error);
  MKT_FUZZ_CHECK(code == (strict ? MKT_ERR_SIGNATURE_MISMATCH : MKT_ERR_SIGNATURE_MALFORMED) ||
                 (code == MKT_OK && matched < 2));
}

/* What is signed verifies, and with any one digit changed it does not. */
static void check_signed(const char *body, size_t n) {
  char header[MKT_SIGNATURE_BYTES];
  unsigned matched = 9;
  MKT_FUZZ_CHECK(mkt_sign(two_secrets(), body, n, header, NULL) == MKT_OK);
  MKT_FUZZ_CHECK(is_strict(header, sizeof header));
  MKT_FUZZ_CHECK(mkt_verify(two_secrets(), body, n, header, sizeof header, &matched, NULL) ==
                 MKT_OK);
  MKT_FUZZ_CHECK(matched == 0);
  size_t at = 11 + n % 64;
  header[at] = header[at] == 'f' ? '0' : header[at] == '9' ? 'a' : (char)(header[at] + 1);
  MKT_FUZZ_CHECK(mkt_verify(two_secrets(), body, n, header, sizeof header, &matched, NULL) ==
                 MKT_ERR_SIGNATURE_MISMATCH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  const char *header = (const char *)data;
  const uint8_t *end = n > 0 ? memchr(data, '\n', n) : NULL;
  size_t header_n = end != NULL ? (size_t)(end - data) : n;
  const char *body = end != NULL ? header + header_n + 1 : "";
  size_t body_n = end != NULL ? n - header_n - 1 : 0;
  check_given(header, header_n, body, body_n);
  check_signed(body, body_n);
  return 0;
}
