/* failure.h: what SQLite refused, as an error of this project's. */
#ifndef MKT_SQLITE_FAILURE_H
#define MKT_SQLITE_FAILURE_H

#include "sqlite/database.h"

/* What the caller was about to do to the database: "open", "read", "write to", ... */
mkt_code mkt_sqlite_fail(const mkt_sqlite *database, int result, const char *doing,
                         mkt_error *error);

/* The symbol of an extended result code, SQLITE_IOERR_FSYNC; of the primary one if it is unknown.
 */
const char *mkt_sqlite_result_name(int result);

#endif
