/* What devices seal. The first byte says what of it is made up:
 *
 * 0: a key and a request as they come, which are refused and cost nobody anything but their time;
 * 1: a text, which is sealed and opened again, and then opened once more after one bit of it was
 *    changed: what is said of it then is what OpenSSL says, which has no reason to be silent;
 * 2: a certificate, in DER or PEM; and the same bytes as a private key. */
#include "core/envelope.h"
#include "fuzz.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <string.h>

enum { MOST = 65536 };

static const mkt_envelope_key *the_key(void) {
  static mkt_envelope_key key;
  if (key.pkey == NULL) key = (mkt_envelope_key){.pkey = EVP_RSA_gen(3072), .is_private = true};
  MKT_FUZZ_CHECK(key.pkey != NULL);
  return &key;
}

static mkt_code open_exactly(const uint8_t *wrapped, size_t wrapped_n, const uint8_t *sealed,
                             size_t sealed_n, unsigned char **text, size_t *n) {
  mkt_error error;
  *text = malloc(sealed_n > 0 ? sealed_n : 1);
  MKT_FUZZ_CHECK(*text != NULL);
  mkt_code code =
      mkt_envelope_open(the_key(), wrapped, wrapped_n, sealed, sealed_n, *text, n, &error);
  MKT_FUZZ_CHECK(code == MKT_OK || code == MKT_ERR_ENVELOPE_INVALID);
  MKT_FUZZ_CHECK(*n < sealed_n || (*n == 0 && sealed_n == 0));
  MKT_FUZZ_CHECK(ERR_peek_error() == 0);
  if (code != MKT_OK) mkt_fuzz_check_error(&error);
  return code;
}

static void check_made_up(const uint8_t *data, size_t n) {
  size_t wrapped_n = n < MKT_ENVELOPE_KEY_BYTES ? n : MKT_ENVELOPE_KEY_BYTES;
  unsigned char *text = NULL;
  size_t text_n = 0;
  mkt_code code = open_exactly(data, wrapped_n, data + wrapped_n, n - wrapped_n, &text, &text_n);
  MKT_FUZZ_CHECK(code == MKT_ERR_ENVELOPE_INVALID);
  free(text);
}

/* Whether OpenSSL opens it, and as what. */
static bool expected(const unsigned char *secret, const unsigned char *sealed, size_t n,
                     unsigned char *text, size_t *text_n) {
  int first = 0;
  int last = 0;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  bool done = context != NULL &&
              EVP_DecryptInit_ex2(context, EVP_aes_128_cbc(), secret, secret + 16, NULL) == 1 &&
              EVP_DecryptUpdate(context, text, &first, sealed, (int)n) == 1 &&
              EVP_DecryptFinal_ex(context, text + first, &last) == 1;
  EVP_CIPHER_CTX_free(context);
  ERR_clear_error();
  *text_n = (size_t)first + (size_t)last;
  return done;
}

static void check_opened(const unsigned char *secret, const unsigned char *wrapped,
                         const unsigned char *sealed, size_t n) {
  unsigned char *text = NULL;
  unsigned char *other = malloc(n);
  size_t text_n = 0;
  size_t other_n = 0;
  MKT_FUZZ_CHECK(other != NULL);
  mkt_code code = open_exactly(wrapped, MKT_ENVELOPE_KEY_BYTES, sealed, n, &text, &text_n);
  if (expected(secret, sealed, n, other, &other_n)) {
    MKT_FUZZ_CHECK(code == MKT_OK && text_n == other_n && memcmp(text, other, text_n) == 0);
  } else {
    MKT_FUZZ_CHECK(code == MKT_ERR_ENVELOPE_INVALID && text_n > 0);
  }
  free(text);
  free(other);
}

/* The last two bytes say which bit is changed. */
static void check_sealed(const uint8_t *data, size_t n) {
  unsigned char secret[MKT_ENVELOPE_SECRET_BYTES] = {0};
  unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES];
  if (n < 2 || n > MOST) return;
  memcpy(secret, data, n < sizeof secret ? n : sizeof secret);
  const size_t sealed_n = mkt_envelope_sealed_length(n);
  unsigned char *sealed = malloc(sealed_n);
  MKT_FUZZ_CHECK(sealed != NULL);
  MKT_FUZZ_CHECK(mkt_envelope_seal(the_key(), secret, data, n, wrapped, sealed, NULL) == MKT_OK);
  check_opened(secret, wrapped, sealed, sealed_n);
  const size_t bit = (size_t)data[n - 2] << 8 | data[n - 1];
  sealed[sealed_n - 1 - bit / 8 % sealed_n] ^= (unsigned char)(1U << bit % 8);
  check_opened(secret, wrapped, sealed, sealed_n);
  free(sealed);
}

static void check_key_bytes(const uint8_t *data, size_t n) {
  const char *bytes = (const char *)data;
  mkt_envelope_key key = {0};
  mkt_error error;
  const bool is_certificate = mkt_envelope_check_certificate(bytes, n, &error) == MKT_OK;
  if (!is_certificate) mkt_fuzz_check_error(&error);
  if (mkt_envelope_key_read_certificate(&key, bytes, n, &error) == MKT_OK) {
    MKT_FUZZ_CHECK(is_certificate && !key.is_private);
  } else {
    mkt_fuzz_check_error(&error);
    MKT_FUZZ_CHECK(key.pkey == NULL);
  }
  mkt_envelope_key_clear(&key);
  if (mkt_envelope_key_read(&key, bytes, n, &error) != MKT_OK) mkt_fuzz_check_error(&error);
  mkt_envelope_key_clear(&key);
  MKT_FUZZ_CHECK(ERR_peek_error() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static void (*const checks[])(const uint8_t *, size_t) = {check_made_up, check_sealed,
                                                            check_key_bytes};
  if (n > 0) checks[data[0] % 3](data + 1, n - 1);
  return 0;
}
