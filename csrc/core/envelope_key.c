#include "envelope_key.h"

#include "envelope.h"
#include "key_file.h"
#include "openssl_error.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdint.h>

/* A damaged private key can be read: only it opens nothing. Far quicker than OpenSSL's own check,
 * which looks whether its primes are some. */
static mkt_code check_halves(mkt_envelope_key *key, mkt_error *error) {
  unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES];
  unsigned char sealed[MKT_ENVELOPE_BLOCK_BYTES];
  unsigned char text[sizeof sealed] = {0};
  size_t n;
  mkt_code code = mkt_envelope_seal(key, NULL, text, 0, wrapped, sealed, error);
  if (code == MKT_OK) {
    code = mkt_envelope_open(key, wrapped, sizeof wrapped, sealed, sizeof sealed, text, &n, error);
  }
  if (code == MKT_ERR_ENVELOPE_INVALID) {
    return mkt_pem_key_refuse(&key->pkey, error, "the key is damaged");
  }
  if (code != MKT_OK) mkt_envelope_key_clear(key);
  return code;
}

static mkt_code check_key(mkt_envelope_key *key, bool is_private, mkt_error *error) {
  key->is_private = is_private;
  if (EVP_PKEY_get_base_id(key->pkey) != EVP_PKEY_RSA) {
    return mkt_pem_key_refuse(&key->pkey, error,
                              "the key is not an RSA key, and devices encrypt with RSA-3072");
  }
  if (EVP_PKEY_get_bits(key->pkey) != MKT_ENVELOPE_KEY_BYTES * 8) {
    return mkt_pem_key_refuse(
        &key->pkey, error,
        "the RSA key has another size than the 3072 bits that devices encrypt with");
  }
  return is_private ? check_halves(key, error) : MKT_OK;
}

mkt_code mkt_envelope_key_read(mkt_envelope_key *key, const char *pem, size_t n, mkt_error *error) {
  mkt_code code = mkt_pem_key_read(&key->pkey, pem, n, true, error);
  return code == MKT_OK ? check_key(key, true, error) : code;
}

mkt_code mkt_envelope_key_read_file(mkt_envelope_key *key, const char *path, mkt_error *error) {
  mkt_code code = mkt_key_file_read(&key->pkey, path, error);
  return code == MKT_OK ? check_key(key, true, error) : code;
}

/* NULL if it is none. One that is encrypted is none, either: without a passphrase, OpenSSL would
 * ask for it at the terminal. */
static X509 *read_x509(const char *bytes, size_t n) {
  const unsigned char *p = (const unsigned char *)bytes;
  if (n > MKT_ENVELOPE_CERTIFICATE_MOST) return NULL;
  X509 *certificate = d2i_X509(NULL, &p, (long)n);
  if (certificate != NULL) return certificate;
  BIO *bio = BIO_new_mem_buf(bytes, (int)n);
  if (bio != NULL) certificate = PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t) "");
  BIO_free(bio);
  return certificate;
}

/* On success it is the caller's, to be freed with X509_free. */
static mkt_code read_certificate(X509 **certificate, const char *bytes, size_t n,
                                 mkt_error *error) {
  *certificate = read_x509(bytes, n);
  ERR_clear_error();
  if (*certificate != NULL) return MKT_OK;
  return mkt_fail(error, MKT_ERR_KEY_INVALID,
                  "it is no X.509 certificate: give the file as it was downloaded");
}

mkt_code mkt_envelope_check_certificate(const char *bytes, size_t n, mkt_error *error) {
  X509 *certificate = NULL;
  mkt_code code = read_certificate(&certificate, bytes, n, error);
  X509_free(certificate);
  return code;
}

mkt_code mkt_envelope_key_read_certificate(mkt_envelope_key *key, const char *bytes, size_t n,
                                           mkt_error *error) {
  X509 *certificate = NULL;
  mkt_code code = read_certificate(&certificate, bytes, n, error);
  if (code != MKT_OK) return code;
  key->pkey = X509_get_pubkey(certificate);
  X509_free(certificate);
  if (key->pkey == NULL) {
    return mkt_fail_openssl(error, MKT_ERR_KEY_INVALID, "reading the certificate's key");
  }
  return check_key(key, false, error);
}

bool mkt_envelope_key_is_same(const mkt_envelope_key *one, const mkt_envelope_key *other) {
  bool is_same = EVP_PKEY_eq(one->pkey, other->pkey) == 1;
  ERR_clear_error();
  return is_same;
}

void mkt_envelope_key_clear(mkt_envelope_key *key) {
  EVP_PKEY_free(key->pkey); /* which wipes it */
  key->pkey = NULL;
}
