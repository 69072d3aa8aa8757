/* statement.h: a database's prepared statements.
 *
 * A statement is stepped to its end, or ended by mkt_sqlite_settle, before anything else is done.
 */
#ifndef MKT_SQLITE_STATEMENT_H
#define MKT_SQLITE_STATEMENT_H

#include "sqlite/database.h"

/* Its number, from 1, which stays good until the database is closed. */
mkt_code mkt_sqlite_prepare(mkt_sqlite *database, const char *sql, size_t n, int *number,
                            mkt_error *error);

/* NULL if there is no such number. Borrowed: the database owns it. */
sqlite3_stmt *mkt_sqlite_statement(const mkt_sqlite *database, int number);

/* Ends what was active, and begins this one: its values can be bound then. Whether the database is
 * open, and this process's, is for the caller to check. */
mkt_code mkt_sqlite_start(mkt_sqlite *database, sqlite3_stmt *statement, mkt_error *error);

/* Steps what was started; whether there is a row. Without one it has ended. After an error it has
 * ended too. */
mkt_code mkt_sqlite_step(mkt_sqlite *database, bool *has_row, mkt_error *error);

/* Ends what was started after a row, of which the further ones are not wanted. */
mkt_code mkt_sqlite_finish(mkt_sqlite *database, mkt_error *error);

#endif
