/* es256.h: ECDSA on P-256 with SHA-256 and raw signatures, r then s (RFC 7518, section 3.4): how
 * App Store Connect's tokens are signed. */
#ifndef MKT_ES256_H
#define MKT_ES256_H

#include "error.h"

#include <stddef.h>

enum {
  MKT_ES256_SIGNATURE_BYTES = 64,
  MKT_ES256_PEM_BYTES = 512 /* room for the PEM that is written, about 250 */
};

/* Zero it before use; mkt_es256_clear frees, and wipes, what it holds. Usable after a fork. */
typedef struct mkt_es256_key {
  struct evp_pkey_st *pkey;
} mkt_es256_key;

/* Reads a private key from PEM, PKCS#8 as Apple gives it or SEC1. MKT_ERR_KEY_INVALID says what is
 * wrong with it, and never what it holds: no PEM, encrypted, damaged, another kind, another curve.
 */
mkt_code mkt_es256_read_private(mkt_es256_key *key, const char *pem, size_t n, mkt_error *error);

/* Likewise, from a file (key_file.h). */
mkt_code mkt_es256_read_private_file(mkt_es256_key *key, const char *path, mkt_error *error);

/* Reads a public key from PEM (SubjectPublicKeyInfo). */
mkt_code mkt_es256_read_public(mkt_es256_key *key, const char *pem, size_t n, mkt_error *error);

/* Makes a new key pair. MKT_OK or MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_es256_generate(mkt_es256_key *key, mkt_error *error);

/* The private key as PEM (PKCS#8), and the public one of either kind (SubjectPublicKeyInfo), with
 * a NUL behind. *n: the length without it. What holds a private key is the caller's to wipe.
 * MKT_OK or MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_es256_write_private(const mkt_es256_key *key, char pem[MKT_ES256_PEM_BYTES], size_t *n,
                                 mkt_error *error);
mkt_code mkt_es256_write_public(const mkt_es256_key *key, char pem[MKT_ES256_PEM_BYTES], size_t *n,
                                mkt_error *error);

/* MKT_OK or MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_es256_sign(const mkt_es256_key *key, const char *p, size_t n,
                        unsigned char signature[MKT_ES256_SIGNATURE_BYTES], mkt_error *error);

/* With a private or a public key. MKT_OK, MKT_ERR_SIGNATURE_MISMATCH (also for a signature of
 * another length) or MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_es256_verify(const mkt_es256_key *key, const char *p, size_t n,
                          const unsigned char *signature, size_t signature_n, mkt_error *error);

/* Idempotent. */
void mkt_es256_clear(mkt_es256_key *key);

#endif
