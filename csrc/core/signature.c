#include "signature.h"

#include "hex.h"
#include "openssl_error.h"

#include <openssl/crypto.h>
#include <openssl/params.h>
#include <string.h>

static EVP_MAC_CTX *new_hmac_sha256(const char *secret, size_t n) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                   OSSL_PARAM_construct_end()};
  EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  EVP_MAC_CTX *key = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
  EVP_MAC_free(hmac); /* the context keeps a reference of its own */
  if (key != NULL && EVP_MAC_init(key, (const unsigned char *)secret, n, parameters) == 1) {
    return key;
  }
  EVP_MAC_CTX_free(key);
  return NULL;
}

mkt_code mkt_keyring_add(mkt_keyring *keyring, const char *secret, size_t n, mkt_error *error) {
  EVP_MAC_CTX *key = new_hmac_sha256(secret, n);
  if (key == NULL) {
    return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "setting up HMAC-SHA256");
  }
  keyring->keys[keyring->count++] = key;
  return MKT_OK;
}

void mkt_keyring_clear(mkt_keyring *keyring) {
  while (keyring->count > 0)
    EVP_MAC_CTX_free(keyring->keys[--keyring->count]);
}

/* Starting a context without a key starts it again with the key it was set up with. */
static bool compute_tag(EVP_MAC_CTX *key, const char *body, size_t n,
                        unsigned char tag[MKT_TAG_BYTES]) {
  size_t written = 0;
  return EVP_MAC_init(key, NULL, 0, NULL) == 1 &&
         EVP_MAC_update(key, (const unsigned char *)body, n) == 1 &&
         EVP_MAC_final(key, tag, &written, MKT_TAG_BYTES) == 1 && written == MKT_TAG_BYTES;
}

mkt_code mkt_sign(mkt_keyring *keyring, const char *body, size_t n,
                  char signature[MKT_SIGNATURE_BYTES], mkt_error *error) {
  unsigned char tag[MKT_TAG_BYTES];
  if (!compute_tag(keyring->keys[0], body, n, tag)) {
    return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "computing HMAC-SHA256");
  }
  memcpy(signature, MKT_SIGNATURE_SCHEME, MKT_SCHEME_BYTES);
  mkt_hex(tag, MKT_TAG_BYTES, signature + MKT_SCHEME_BYTES);
  return MKT_OK;
}

mkt_code mkt_verify(mkt_keyring *keyring, const char *body, size_t n, const char *header,
                    size_t header_n, unsigned *matched, mkt_error *error) {
  unsigned char claimed[MKT_TAG_BYTES];
  mkt_code code = mkt_signature_parse(header, header_n, claimed, error);
  if (code != MKT_OK) return code;
  unsigned found = MKT_MAX_SECRETS;
  for (unsigned i = keyring->count; i-- > 0;) {
    unsigned char tag[MKT_TAG_BYTES];
    if (!compute_tag(keyring->keys[i], body, n, tag)) {
      return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "computing HMAC-SHA256");
    }
    if (CRYPTO_memcmp(tag, claimed, MKT_TAG_BYTES) == 0) found = i;
  }
  if (found == MKT_MAX_SECRETS) return mkt_fail(error, MKT_ERR_SIGNATURE_MISMATCH, NULL);
  *matched = found;
  return MKT_OK;
}
