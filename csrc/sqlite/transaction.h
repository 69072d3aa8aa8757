/* transaction.h: a database's transactions, of which each commit is checked and counted. */
#ifndef MKT_SQLITE_TRANSACTION_H
#define MKT_SQLITE_TRANSACTION_H

#include "sqlite/database.h"

/* SQLite's result. */
int mkt_sqlite_read_user_version(sqlite3 *db, long *number);

/* Begins a transaction that writes, if the files are those that were opened and have what they had;
 * waits for others until the deadline. If it fails it has begun none. */
mkt_code mkt_sqlite_begin(mkt_sqlite *database, mkt_error *error);

/* Only if it succeeds, what was written is on the disk, in the file that is at the path. If it
 * fails there is no transaction any more, and nothing of it can be relied on, neither that it is
 * stored nor that it is not. */
mkt_code mkt_sqlite_commit(mkt_sqlite *database, mkt_error *error);

/* Nothing if there is no transaction. */
void mkt_sqlite_rollback(mkt_sqlite *database);

#endif
