#include "es256.h"

#include "key_file.h"
#include "openssl_error.h"

#include <openssl/ec.h>
#include <openssl/ecerr.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <string.h>

enum { HALF = MKT_ES256_SIGNATURE_BYTES / 2, DER_MOST = 80 };

/* A damaged key can be read: only its halves do not fit. */
static bool halves_fit(EVP_PKEY *pkey) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
  bool fit = context != NULL && EVP_PKEY_pairwise_check(context) == 1;
  EVP_PKEY_CTX_free(context);
  return fit;
}

static mkt_code check_key(mkt_es256_key *key, bool is_private, mkt_error *error) {
  char curve[64];
  size_t n;
  if (EVP_PKEY_get_base_id(key->pkey) != EVP_PKEY_EC) {
    return mkt_pem_key_refuse(&key->pkey, error,
                              "the key is not an elliptic curve key, and ES256 needs one on P-256");
  }
  if (EVP_PKEY_get_group_name(key->pkey, curve, sizeof curve, &n) != 1 ||
      strcmp(curve, "prime256v1") != 0) {
    return mkt_pem_key_refuse(&key->pkey, error, "the key is on another curve than P-256");
  }
  if (is_private && !halves_fit(key->pkey)) {
    return mkt_pem_key_refuse(&key->pkey, error, "the key is damaged");
  }
  return MKT_OK;
}

mkt_code mkt_es256_read_private(mkt_es256_key *key, const char *pem, size_t n, mkt_error *error) {
  mkt_code code = mkt_pem_key_read(&key->pkey, pem, n, true, error);
  return code == MKT_OK ? check_key(key, true, error) : code;
}

mkt_code mkt_es256_read_private_file(mkt_es256_key *key, const char *path, mkt_error *error) {
  mkt_code code = mkt_key_file_read(&key->pkey, path, error);
  return code == MKT_OK ? check_key(key, true, error) : code;
}

mkt_code mkt_es256_read_public(mkt_es256_key *key, const char *pem, size_t n, mkt_error *error) {
  mkt_code code = mkt_pem_key_read(&key->pkey, pem, n, false, error);
  return code == MKT_OK ? check_key(key, false, error) : code;
}

mkt_code mkt_es256_generate(mkt_es256_key *key, mkt_error *error) {
  key->pkey = EVP_EC_gen("P-256");
  if (key->pkey != NULL) return MKT_OK;
  return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "making a key");
}

static bool write_pem(BIO *bio, EVP_PKEY *pkey, bool is_private) {
  if (bio == NULL) return false;
  return is_private ? PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1
                    : PEM_write_bio_PUBKEY(bio, pkey) == 1;
}

/* The BIO wipes its bytes when it is freed. */
static mkt_code write_key(const mkt_es256_key *key, bool is_private, char *pem, size_t *n,
                          mkt_error *error) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *bytes = NULL;
  bool done = write_pem(bio, key->pkey, is_private);
  long length = done ? BIO_get_mem_data(bio, &bytes) : 0;
  done = length > 0 && length < MKT_ES256_PEM_BYTES;
  if (done) {
    *n = (size_t)length;
    memcpy(pem, bytes, *n);
    pem[*n] = '\0';
  }
  BIO_free(bio);
  return done ? MKT_OK : mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "writing the key");
}

mkt_code mkt_es256_write_private(const mkt_es256_key *key, char pem[MKT_ES256_PEM_BYTES], size_t *n,
                                 mkt_error *error) {
  return write_key(key, true, pem, n, error);
}

mkt_code mkt_es256_write_public(const mkt_es256_key *key, char pem[MKT_ES256_PEM_BYTES], size_t *n,
                                mkt_error *error) {
  return write_key(key, false, pem, n, error);
}

static bool to_raw(const unsigned char *der, size_t n, unsigned char *raw) {
  ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)n);
  bool done = pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, HALF) == HALF &&
              BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + HALF, HALF) == HALF;
  ECDSA_SIG_free(pair);
  return done;
}

mkt_code mkt_es256_sign(const mkt_es256_key *key, const char *p, size_t n,
                        unsigned char signature[MKT_ES256_SIGNATURE_BYTES], mkt_error *error) {
  unsigned char der[DER_MOST];
  size_t der_n = sizeof der;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool done = context != NULL &&
              EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
              EVP_DigestSign(context, der, &der_n, (const unsigned char *)p, n) == 1 &&
              to_raw(der, der_n, signature);
  EVP_MD_CTX_free(context);
  if (done) return MKT_OK;
  return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "signing");
}

/* The length of the DER, 0 if memory is short. der has room for DER_MOST bytes. */
static size_t to_der(const unsigned char *raw, unsigned char *der) {
  ECDSA_SIG *pair = ECDSA_SIG_new();
  BIGNUM *r = BN_bin2bn(raw, HALF, NULL);
  BIGNUM *s = BN_bin2bn(raw + HALF, HALF, NULL);
  if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1) {
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return 0;
  }
  int n = i2d_ECDSA_SIG(pair, &der);
  ECDSA_SIG_free(pair);
  return n > 0 ? (size_t)n : 0;
}

/* OpenSSL 3.4 and later say this last, whatever a verification failed with. The headers of 3.0 lack
 * the name, and what was built with them may run with a later one. */
#ifndef EVP_R_PROVIDER_SIGNATURE_FAILURE
#define EVP_R_PROVIDER_SIGNATURE_FAILURE 234
#endif

/* Whether a verification that failed says something of the signature: if OpenSSL could not
 * finish, mostly for lack of memory, it complains of something else. */
static bool is_mismatch(void) {
  unsigned long problem = ERR_peek_error();
  int reason = ERR_GET_REASON(problem);
  if (problem == 0) return true;
  if (ERR_GET_LIB(problem) == ERR_LIB_EVP) return reason == EVP_R_PROVIDER_SIGNATURE_FAILURE;
  if (ERR_GET_LIB(problem) != ERR_LIB_EC) return false;
  return reason == EC_R_BAD_SIGNATURE || reason == EC_R_POINT_AT_INFINITY;
}

mkt_code mkt_es256_verify(const mkt_es256_key *key, const char *p, size_t n,
                          const unsigned char *signature, size_t signature_n, mkt_error *error) {
  unsigned char der[DER_MOST];
  if (signature_n != MKT_ES256_SIGNATURE_BYTES) {
    return mkt_fail(error, MKT_ERR_SIGNATURE_MISMATCH, "the signature is not 64 bytes long");
  }
  size_t der_n = to_der(signature, der);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (der_n == 0 || context == NULL ||
      EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pkey) != 1) {
    EVP_MD_CTX_free(context);
    return mkt_fail_openssl(error, MKT_ERR_OUT_OF_MEMORY, "verifying");
  }
  int verdict = EVP_DigestVerify(context, der, der_n, (const unsigned char *)p, n);
  EVP_MD_CTX_free(context);
  if (verdict != 1 && !is_mismatch()) {
    return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "verifying");
  }
  ERR_clear_error();
  if (verdict == 1) return MKT_OK;
  return mkt_fail(error, MKT_ERR_SIGNATURE_MISMATCH, "the key did not make this signature");
}

void mkt_es256_clear(mkt_es256_key *key) {
  EVP_PKEY_free(key->pkey); /* which wipes it */
  key->pkey = NULL;
}
