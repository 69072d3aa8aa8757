/* signature.h: the signature of App Store Connect's notifications: the HMAC-SHA256 (RFC 2104) of
 * the raw body. */
#ifndef MKT_SIGNATURE_H
#define MKT_SIGNATURE_H

#include "error.h"
#include "signature_header.h"

#include <openssl/evp.h>
#include <stddef.h>

enum { MKT_MAX_SECRETS = 8 };

/* One secret, or several while they are rotated, each set up once. Zero bytes are a valid empty
 * keyring; clear it in the end. OpenSSL keeps a copy of each secret beside what HMAC derives from
 * it, and wipes both when the keyring is cleared. Not for two threads at a time. */
typedef struct mkt_keyring {
  EVP_MAC_CTX *keys[MKT_MAX_SECRETS];
  unsigned count;
} mkt_keyring;

/* Adds a secret of 1 byte or more. MKT_ERR_CRYPTO_FAILED if OpenSSL cannot set it up, and then
 * the keyring is as before. The caller checks that there is room and that the secret is not empty.
 */
mkt_code mkt_keyring_add(mkt_keyring *keyring, const char *secret, size_t n, mkt_error *error);

/* Idempotent. */
void mkt_keyring_clear(mkt_keyring *keyring);

/* Writes the header's value for this body, made with the first secret; no NUL is added. */
mkt_code mkt_sign(mkt_keyring *keyring, const char *body, size_t n,
                  char signature[MKT_SIGNATURE_BYTES], mkt_error *error);

/* Which secret signed the body: its index from 0 in *matched. Every secret is tried, and each
 * comparison takes the same time whatever the bytes, so that time tells nothing about them.
 * MKT_ERR_SIGNATURE_MALFORMED, MKT_ERR_SIGNATURE_MISMATCH or MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_verify(mkt_keyring *keyring, const char *body, size_t n, const char *header,
                    size_t header_n, unsigned *matched, mkt_error *error);

#endif
