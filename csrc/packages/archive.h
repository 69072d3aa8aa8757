/* archive.h: reads a small zip archive that must have certain files and nothing else. */
#ifndef MKT_PACKAGE_ARCHIVE_H
#define MKT_PACKAGE_ARCHIVE_H

#include "core/buffer.h"
#include "core/error.h"

#include <stddef.h>

enum { MKT_PACKAGE_MOST_ENTRIES = 8, MKT_PACKAGE_MOST_ARCHIVE = 67108864 };

/* An entry that must be there; the bytes, at first an empty buffer with the most that they may be,
 * are the caller's to clear. */
typedef struct mkt_package_entry {
  const char *name;
  mkt_buffer bytes;
} mkt_package_entry;

/* Fills the entries, whose names differ, from the archive that p[0..n) is. MKT_ERR_ARCHIVE_INVALID
 * unless the archive has these entries and no other, and each is a plain file (not empty, no
 * folder, no link, not encrypted; stored or deflated) of the size and the CRC that the archive
 * names, and no larger than it may be: that holds while it is inflated too. MKT_ERR_OUT_OF_MEMORY.
 */
mkt_code mkt_package_archive_read(const char *p, size_t n, mkt_package_entry *entries, size_t count,
                                  mkt_error *error);

#endif
