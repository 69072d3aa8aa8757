/* hash.h: SHA-256 and MD5 of bytes that come in pieces. For a whole slice digest.h is enough. */
#ifndef MKT_HASH_H
#define MKT_HASH_H

#include "error.h"

#include <openssl/types.h>
#include <stddef.h>

enum { MKT_HASH_BYTES_MOST = 32 };

/* Of the bytes that were added so far. One thread at a time may use it. */
typedef struct mkt_hash mkt_hash;

/* `name` as OpenSSL has it: "SHA256", "MD5". On success *hash is the caller's, else it is NULL.
 * MKT_ERR_CRYPTO_FAILED, also if OpenSSL may not compute this one, as in FIPS mode. */
mkt_code mkt_hash_open(mkt_hash **hash, const char *name, mkt_error *error);

/* Another one of the same bytes. *copy is the caller's. MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_hash_copy(mkt_hash **copy, const mkt_hash *hash, mkt_error *error);

mkt_code mkt_hash_add(mkt_hash *hash, const char *p, size_t n, mkt_error *error);

/* The digest of what was added so far, and its length in *n; more can be added afterwards. */
mkt_code mkt_hash_digest(const mkt_hash *hash, unsigned char digest[MKT_HASH_BYTES_MOST], size_t *n,
                         mkt_error *error);

/* NULL is allowed. */
void mkt_hash_close(mkt_hash *hash);

/* OpenSSL's own, without bytes yet, for code that computes several at once; EVP_MD_CTX_free frees
 * it. NULL if memory is short, or if OpenSSL may not compute this one. */
EVP_MD_CTX *mkt_hash_context(const char *name);

#endif
