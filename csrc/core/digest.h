/* digest.h: SHA-256 (FIPS 180-4) of a whole slice. */
#ifndef MKT_DIGEST_H
#define MKT_DIGEST_H

#include "error.h"

#include <stddef.h>

enum { MKT_SHA256_BYTES = 32 };

/* MKT_OK or MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_sha256(const char *p, size_t n, unsigned char digest[MKT_SHA256_BYTES],
                    mkt_error *error);

#endif
