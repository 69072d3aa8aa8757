/* holder.h: who has leases in an inbox in a SQLite file, and whether they still live.
 *
 * A holder is a random number below 2^53, which Lua's every number can be. While it lives, its
 * process has an open file description lock (F_OFD_SETLK) on the byte at that offset of a file that
 * stays empty; others ask with F_OFD_GETLK. The kernel gives the lock back when the last descriptor
 * of that open file description is closed, however the process ended. A child that was forked
 * without exec has such a descriptor: the holder then seems to live for as long as that child does.
 *
 * Never the database itself: closing any descriptor of it drops SQLite's own locks.
 */
#ifndef MKT_SQLITE_HOLDER_H
#define MKT_SQLITE_HOLDER_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

/* One more than the greatest number of a holder; the least is 1. */
#define MKT_SQLITE_HOLDER_END (INT64_C(1) << 53)

/* Zero it before use. */
typedef struct mkt_sqlite_holder {
  int64_t number; /* 0: it is closed */
  int64_t pid;    /* of the process that made it */
  int fd;
} mkt_sqlite_holder;

/* Makes the file with mode 0600, whatever the umask, if there is none; one that is there stays as
 * it is. The path must not be a link. MKT_ERR_FILE_FAILED. */
mkt_code mkt_sqlite_holders_make(const char *path, mkt_error *error);

/* Makes the file if there is none, and draws a number that no other holder in it has.
 * MKT_ERR_FILE_FAILED; MKT_ERR_LOCKS_UNSUPPORTED if the kernel or the file system has no such
 * locks; MKT_ERR_LOCKED if another program has locked all of the file. */
mkt_code mkt_sqlite_holder_open(mkt_sqlite_holder *holder, const char *path, mkt_error *error);

/* Its number; 0 if it is closed or belongs to another process. */
int64_t mkt_sqlite_holder_number(const mkt_sqlite_holder *holder);

/* Idempotent. In a forked child the lock stays the parent's. */
void mkt_sqlite_holder_close(mkt_sqlite_holder *holder);

/* Whether a holder with that number lives, in this process or another one. MKT_ERR_FILE_MISSING if
 * there is no file; MKT_ERR_FILE_FAILED, MKT_ERR_LOCKS_UNSUPPORTED. */
mkt_code mkt_sqlite_is_held(const char *path, int64_t number, bool *held, mkt_error *error);

#endif
