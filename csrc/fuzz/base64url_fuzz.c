/* base64url: each sequence of bytes has one spelling, and each spelling stands for one. */
#include "core/base64url.h"
#include "fuzz.h"

#include <string.h>

static void check_encoded(const uint8_t *data, size_t n) {
  size_t length = mkt_base64url_length(n);
  size_t decoded_n = 0;
  char *text = malloc(length + 1);
  unsigned char *decoded = malloc(mkt_base64url_decoded_length(length) + 1);
  MKT_FUZZ_CHECK(text != NULL && decoded != NULL);
  mkt_base64url_encode(data, n, text);
  MKT_FUZZ_CHECK(mkt_base64url_decode(text, length, decoded, &decoded_n));
  MKT_FUZZ_CHECK(decoded_n == n && (n == 0 || memcmp(decoded, data, n) == 0));
  free(decoded);
  free(text);
}

static void check_decoded(const char *text, size_t n) {
  size_t decoded_n = 0;
  unsigned char *decoded = malloc(mkt_base64url_decoded_length(n) + 1);
  MKT_FUZZ_CHECK(decoded != NULL);
  if (mkt_base64url_decode(text, n, decoded, &decoded_n)) {
    char *again = malloc(n + 1);
    MKT_FUZZ_CHECK(again != NULL && decoded_n <= mkt_base64url_decoded_length(n));
    MKT_FUZZ_CHECK(mkt_base64url_length(decoded_n) == n);
    mkt_base64url_encode(decoded, decoded_n, again);
    MKT_FUZZ_CHECK(n == 0 || memcmp(again, text, n) == 0);
    free(again);
  }
  free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  check_encoded(data, n);
  check_decoded((const char *)data, n);
  return 0;
}
