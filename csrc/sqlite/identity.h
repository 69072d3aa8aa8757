/* identity.h: whether a database's files are still those that were opened.
 *
 * A file that was moved away, or whose log was removed, takes what is written to it with it.
 */
#ifndef MKT_SQLITE_IDENTITY_H
#define MKT_SQLITE_IDENTITY_H

#include "core/error.h"

#include <sys/types.h>

typedef struct mkt_sqlite_file {
  char *path; /* owned */
  dev_t device;
  ino_t number;
} mkt_sqlite_file;

/* The database, its -wal and its -shm. */
enum { MKT_SQLITE_MAIN, MKT_SQLITE_LOG, MKT_SQLITE_INDEX, MKT_SQLITE_FILES };

/* Zero it before use. */
typedef struct mkt_sqlite_identity {
  mkt_sqlite_file files[MKT_SQLITE_FILES];
} mkt_sqlite_identity;

typedef enum mkt_sqlite_presence {
  MKT_SQLITE_SAME,
  MKT_SQLITE_GONE,
  MKT_SQLITE_OTHER /* or it cannot be looked at */
} mkt_sqlite_presence;

/* Of the files as they are now: `path` leads to the database, and `real` without symbolic links, as
 * SQLite opened it. MKT_ERR_INBOX_UNAVAILABLE, MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_sqlite_identity_take(mkt_sqlite_identity *identity, const char *path, const char *real,
                                  mkt_error *error);

mkt_sqlite_presence mkt_sqlite_identity_look(const mkt_sqlite_identity *identity, int which);

/* MKT_ERR_INBOX_UNAVAILABLE unless all are as they were; `name` is the database's, for the message.
 */
mkt_code mkt_sqlite_identity_check(const mkt_sqlite_identity *identity, const char *name,
                                   mkt_error *error);

/* Idempotent. */
void mkt_sqlite_identity_free(mkt_sqlite_identity *identity);

#endif
