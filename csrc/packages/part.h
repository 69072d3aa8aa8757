/* part.h: a file that is written from its beginning to a size known before, possibly in several
 * runs of the program.
 *
 * Nothing here allocates. Messages name the path. MKT_ERR_DISK_FULL if the disk or a quota is full,
 * else MKT_ERR_FILE_FAILED.
 */
#ifndef MKT_PACKAGE_PART_H
#define MKT_PACKAGE_PART_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mkt_package_part {
  const char *path; /* the caller's, as long as the part is used */
  int fd;           /* -1: not open */
  uint64_t size;    /* it will have, in bytes */
} mkt_package_part;

/* Opens it, and makes it (0644) if there is none, with room on the disk for all of it, as far as
 * the file system can tell. Without `keeps` whatever it held is gone. A symbolic link, anything but
 * a regular file, and a file with a second name, which may be in use, are refused. */
mkt_code mkt_package_part_open(mkt_package_part *part, bool keeps, mkt_error *error);

/* How many bytes have been written, without a gap: after the machine stopped, what was written
 * last may be on the disk, and what was written before may not. */
mkt_code mkt_package_part_written(const mkt_package_part *part, uint64_t *written,
                                  mkt_error *error);

mkt_code mkt_package_part_write(const mkt_package_part *part, uint64_t at, const void *p, size_t n,
                                mkt_error *error);

/* How many bytes were read: fewer than n only at the end. -1 on failure. */
ptrdiff_t mkt_package_part_read(const mkt_package_part *part, uint64_t at, void *p, size_t n,
                                mkt_error *error);

/* Cuts it to so many bytes; there is room for the rest as before. */
mkt_code mkt_package_part_cut(const mkt_package_part *part, uint64_t at, mkt_error *error);

/* Waits until it is on the disk. */
mkt_code mkt_package_part_sync(const mkt_package_part *part, mkt_error *error);

/* Idempotent. */
void mkt_package_part_close(mkt_package_part *part);

#endif
