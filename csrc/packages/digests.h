/* digests.h: the digests of a file whose bytes pass by once, in order: SHA-256 of each chunk,
 * compared as soon as the chunk is whole, and SHA-256 and MD5 of all of it.
 *
 * Only what is asked for is computed. Chunk i is the bytes from i * chunk_size to below
 * (i + 1) * chunk_size, the last one what is left.
 */
#ifndef MKT_PACKAGE_DIGESTS_H
#define MKT_PACKAGE_DIGESTS_H

#include "core/error.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MKT_PACKAGE_SHA256_BYTES = 32,
  MKT_PACKAGE_MD5_BYTES = 16,
  MKT_PACKAGE_MOST_CHUNKS = 262144
};

/* What is asked for. */
typedef struct mkt_package_wanted {
  uint64_t size;       /* of the file, in bytes */
  uint64_t chunk_size; /* 0: there are no chunks */
  /* MKT_PACKAGE_SHA256_BYTES for each chunk, see mkt_package_chunks; NULL: nothing is compared */
  const unsigned char *chunks;
  bool sha256; /* of the whole */
  bool md5;
} mkt_package_wanted;

typedef struct mkt_package_digests {
  mkt_package_wanted wanted; /* with a copy of the chunks' digests */
  unsigned char *chunks;
  const char *path; /* for messages; the caller's */
  uint64_t at;      /* how many bytes have passed */
  uint64_t chunk_began;
  EVP_MD_CTX *chunk, *sha256, *md5; /* NULL: not computed */
  /* as they were when that chunk began */
  EVP_MD_CTX *sha256_before, *md5_before;
  unsigned char one_chunk[MKT_PACKAGE_SHA256_BYTES]; /* the whole's too, if it is all one chunk */
} mkt_package_digests;

/* What was found, once all bytes have passed. */
typedef struct mkt_package_found {
  uint64_t size;
  uint64_t chunks; /* how many were compared */
  bool has_sha256, has_md5;
  unsigned char sha256[MKT_PACKAGE_SHA256_BYTES];
  unsigned char md5[MKT_PACKAGE_MD5_BYTES];
} mkt_package_found;

/* How many chunks a file has; 0 if chunk_size is 0. */
uint64_t mkt_package_chunks(uint64_t size, uint64_t chunk_size);

/* digests: zero bytes, or one that was cleared. Copies the chunks' digests. MKT_ERR_OUT_OF_MEMORY,
 * MKT_ERR_CRYPTO_FAILED; then too it is cleared by mkt_package_digests_clear. */
mkt_code mkt_package_digests_init(mkt_package_digests *digests, const mkt_package_wanted *wanted,
                                  const char *path, mkt_error *error);

/* Begins anew. MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_package_digests_reset(mkt_package_digests *digests, mkt_error *error);

/* At most what is left of the file. MKT_ERR_ASSET_CORRUPT if a chunk that ends in these bytes has
 * another digest, and the message names it; MKT_ERR_CRYPTO_FAILED. After a failure only reset,
 * rewind and clear may follow. */
mkt_code mkt_package_digests_add(mkt_package_digests *digests, const unsigned char *p, size_t n,
                                 mkt_error *error);

/* Back to where the chunk began that failed, or that is not complete. Without digests of chunks
 * nothing changes. MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_package_digests_rewind(mkt_package_digests *digests, mkt_error *error);

/* Of one that all bytes have passed. MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_package_digests_end(mkt_package_digests *digests, mkt_package_found *found,
                                 mkt_error *error);

/* Idempotent. */
void mkt_package_digests_clear(mkt_package_digests *digests);

#endif
