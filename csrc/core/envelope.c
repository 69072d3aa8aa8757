#include "envelope.h"

#include "alloc.h"
#include "openssl_error.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK = MKT_ENVELOPE_BLOCK_BYTES, AES_KEY = 16, SECRET = MKT_ENVELOPE_SECRET_BYTES };

size_t mkt_envelope_sealed_length(size_t n) {
  return n - n % BLOCK + BLOCK;
}

/* RSA */

static bool set_oaep(EVP_PKEY_CTX *context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1;
}

static bool wrap(const mkt_envelope_key *key, const unsigned char secret[SECRET],
                 unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES]) {
  size_t n = MKT_ENVELOPE_KEY_BYTES;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
  bool done = context != NULL && EVP_PKEY_encrypt_init(context) == 1 && set_oaep(context) &&
              EVP_PKEY_encrypt(context, wrapped, &n, secret, SECRET) == 1 &&
              n == MKT_ENVELOPE_KEY_BYTES;
  EVP_PKEY_CTX_free(context);
  return done;
}

/* What is secret is decided with masks, 0xff for yes and 0 for no, and not with branches. */

/* Numbers below 2^31. */
static unsigned char is_at_most(uint32_t one, uint32_t other) {
  return (unsigned char)(0U - ((one - other - 1U) >> 31));
}

static unsigned char is_same(uint32_t one, uint32_t other) {
  return is_at_most(one ^ other, 0);
}

/* Puts the second ones in place of the first ones, unless they are to be kept. */
static void choose(unsigned char keep, unsigned char *first, const unsigned char *second,
                   size_t n) {
  for (size_t i = 0; i < n; i++)
    first[i] = (unsigned char)((first[i] & keep) | (second[i] & ~keep));
}

/* A secret: the one that was wrapped, or random bytes. False if OpenSSL could not try. */
static bool unwrap(const mkt_envelope_key *key, const unsigned char *wrapped,
                   unsigned char secret[SECRET], unsigned char *is_right) {
  unsigned char plain[MKT_ENVELOPE_KEY_BYTES] = {0};
  size_t n = sizeof plain;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
  bool done = context != NULL && RAND_bytes(secret, SECRET) == 1 &&
              EVP_PKEY_decrypt_init(context) == 1 && set_oaep(context);
  if (done) {
    int result = EVP_PKEY_decrypt(context, plain, &n, wrapped, MKT_ENVELOPE_KEY_BYTES);
    ERR_clear_error();
    *is_right = is_same((uint32_t)result & INT32_MAX, 1) & is_same((uint32_t)n, SECRET);
    choose((unsigned char)~*is_right, secret, plain, SECRET);
  }
  OPENSSL_cleanse(plain, sizeof plain);
  EVP_PKEY_CTX_free(context);
  return done;
}

/* AES */

static bool encrypt(const unsigned char secret[SECRET], const unsigned char *text, size_t n,
                    unsigned char *sealed) {
  int first = 0;
  int last = 0;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  bool done =
      context != NULL &&
      EVP_EncryptInit_ex2(context, EVP_aes_128_cbc(), secret, secret + AES_KEY, NULL) == 1 &&
      EVP_EncryptUpdate(context, sealed, &first, text, (int)n) == 1 &&
      EVP_EncryptFinal_ex(context, sealed + first, &last) == 1;
  EVP_CIPHER_CTX_free(context);
  return done;
}

/* With its padding. */
static bool decrypt(const unsigned char secret[SECRET], const unsigned char *sealed, size_t n,
                    unsigned char *text) {
  int length = 0;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  bool done =
      context != NULL &&
      EVP_DecryptInit_ex2(context, EVP_aes_128_cbc(), secret, secret + AES_KEY, NULL) == 1 &&
      EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
      EVP_DecryptUpdate(context, text, &length, sealed, (int)n) == 1 && (size_t)length == n;
  EVP_CIPHER_CTX_free(context);
  return done;
}

static unsigned char has_padding(const unsigned char *text, size_t n) {
  const unsigned char last = text[n - 1];
  unsigned char wrong = 0;
  for (uint32_t i = 1; i <= BLOCK; i++)
    wrong |= is_at_most(i, last) & (unsigned char)(text[n - i] ^ last);
  return is_at_most(1, last) & is_at_most(last, BLOCK) & is_same(wrong, 0);
}

/* Both ways */

static bool seal(const mkt_envelope_key *key, const unsigned char *given, const unsigned char *text,
                 size_t n, unsigned char *wrapped, unsigned char *sealed) {
  unsigned char secret[SECRET];
  if (given != NULL) memcpy(secret, given, SECRET);
  bool done = (given != NULL || RAND_bytes(secret, SECRET) == 1) && wrap(key, secret, wrapped) &&
              encrypt(secret, text, n, sealed);
  OPENSSL_cleanse(secret, sizeof secret);
  return done;
}

mkt_code mkt_envelope_seal(const mkt_envelope_key *key, const unsigned char *secret,
                           const unsigned char *text, size_t n,
                           unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES], unsigned char *sealed,
                           mkt_error *error) {
  if (n >= MKT_ENVELOPE_TEXT_MOST)
    return mkt_fail(error, MKT_ERR_TOO_LARGE, "the text is too long");
  if (seal(key, secret, text, n, wrapped, sealed)) return MKT_OK;
  return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "sealing");
}

static const char *size_problem(size_t wrapped_n, size_t sealed_n) {
  if (wrapped_n != MKT_ENVELOPE_KEY_BYTES) return "the key is not 384 bytes long";
  if (sealed_n > MKT_ENVELOPE_TEXT_MOST) return "the request is too long";
  if (sealed_n == 0 || sealed_n % BLOCK != 0) return "the request is not of whole blocks";
  return NULL;
}

/* Replaces the text by a random one of a random length unless it is to be kept. */
static size_t settle(unsigned char keep, unsigned char *text, const unsigned char *random,
                     size_t n) {
  unsigned char padding = text[n - 1];
  const unsigned char other = (unsigned char)((random[0] & 7) + 1);
  choose(keep, &padding, &other, 1);
  choose(keep, text, random, n);
  return n - padding;
}

mkt_code mkt_envelope_open(const mkt_envelope_key *key, const unsigned char *wrapped,
                           size_t wrapped_n, const unsigned char *sealed, size_t sealed_n,
                           unsigned char *text, size_t *n, mkt_error *error) {
  unsigned char secret[SECRET];
  unsigned char key_is_right = 0;
  *n = 0;
  const char *problem = size_problem(wrapped_n, sealed_n);
  if (problem != NULL) return mkt_fail(error, MKT_ERR_ENVELOPE_INVALID, "%s", problem);
  unsigned char *random = mkt_alloc(sealed_n);
  if (random == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  bool done = RAND_bytes(random, (int)sealed_n) == 1 &&
              unwrap(key, wrapped, secret, &key_is_right) &&
              decrypt(secret, sealed, sealed_n, text);
  OPENSSL_cleanse(secret, sizeof secret);
  unsigned char is_right = 0;
  if (done) {
    is_right = key_is_right & has_padding(text, sealed_n);
    *n = settle(is_right, text, random, sealed_n);
  }
  mkt_free(random);
  if (!done) return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "opening");
  if (is_right) return MKT_OK;
  return mkt_fail(error, MKT_ERR_ENVELOPE_INVALID, "%s",
                  key_is_right ? "the request's padding is wrong"
                               : "the key was not encrypted for this server's key");
}
