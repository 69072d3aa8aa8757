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
 * version that it has found: while others write, files change. `is_over`: the log that others have
 * written to is another one, and all of it is in the database; nothing is to be written before
 * mkt_sqlite_begin_log. */
mkt_code mkt_sqlite_check_contents(mkt_sqlite *database, uint32_t user_version, bool *is_over,
                                   mkt_error *error);

/* Ends the transaction in which the other log was found to be over, and has the next one begin the
 * log that is there now. MKT_OK also if others are busy: what is found then decides. */
mkt_code mkt_sqlite_begin_log(mkt_sqlite *database, mkt_error *error);

/* The -shm that this process has for the database, which need not be the one at its path; NULL if
 * there is none. */
const void volatile *mkt_sqlite_index(const mkt_sqlite *database);

/* Whether the log that this connection has is the one that others write to, and has what is not in
 * the database. */
bool mkt_sqlite_log_is_ahead(const mkt_sqlite *database);

#endif
