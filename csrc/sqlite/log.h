/* log.h: whether the -wal that lies beside a database belongs to it, and has what it had.
 *
 * SQLite does not ask: a backup that is copied over the file of a process that was killed would be
 * mixed with what the log holds of another state, and be damaged.
 */
#ifndef MKT_SQLITE_LOG_H
#define MKT_SQLITE_LOG_H

#include "sqlite/database.h"

/* The commits of this project's connections are counted in the upper three bytes of the header's
 * user version, from a random number, never 0; the lowest byte is the caller's. Gives the version
 * after one more. */
uint32_t mkt_sqlite_count(uint32_t user_version);

/* MKT_ERR_INBOX_UNAVAILABLE if it does not. To be called in a transaction that reads, so that
 * nobody begins the log anew: files are read as they are, by SQLite's descriptors. */
mkt_code mkt_sqlite_check_log(const mkt_sqlite *database, mkt_error *error);

/* The same if the database is missing or empty, in which case SQLite would remove the log; to be
 * called before it is opened. */
mkt_code mkt_sqlite_check_lone_log(const mkt_sqlite *database, mkt_error *error);

/* MKT_ERR_INBOX_UNAVAILABLE if somebody cut the log or the database short, or wrote another copy
 * over the database, since the last call. To be called in a transaction that writes, with the user
 * version that it has found: while others write, files change. */
mkt_code mkt_sqlite_check_contents(mkt_sqlite *database, uint32_t user_version, mkt_error *error);

#endif
