/* check.h: the digests of a file that is there, read once, piece by piece. */
#ifndef MKT_PACKAGE_CHECK_H
#define MKT_PACKAGE_CHECK_H

#include "core/error.h"
#include "packages/digests.h"
#include "packages/part.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero it before use; mkt_package_check_close ends it. */
typedef struct mkt_package_check {
  bool is_open;
  char *path;
  unsigned char *block;
  mkt_package_part file;
  mkt_package_digests digests;
} mkt_package_check;

/* MKT_ERR_FILE_MISSING; MKT_ERR_FILE_FAILED, also for a symbolic link and for anything but a
 * regular file; MKT_ERR_ASSET_SIZE if it has another size; MKT_ERR_OUT_OF_MEMORY,
 * MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_package_check_open(mkt_package_check *check, const char *path,
                                const mkt_package_wanted *wanted, mkt_error *error);

/* Hashes at most so many bytes more. MKT_ERR_ASSET_CORRUPT, and the message names the chunk;
 * MKT_ERR_ASSET_SIZE if the file has become shorter; MKT_ERR_FILE_FAILED, MKT_ERR_CRYPTO_FAILED.
 * After a failure it must be closed. */
mkt_code mkt_package_check_step(mkt_package_check *check, uint64_t bytes, bool *done,
                                mkt_error *error);

/* Of one that is done, once. MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_package_check_result(mkt_package_check *check, mkt_package_found *found,
                                  mkt_error *error);

/* Idempotent. */
void mkt_package_check_close(mkt_package_check *check);

#endif
