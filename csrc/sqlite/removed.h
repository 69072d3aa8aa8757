/* removed.h: what to do with a log that somebody removed or replaced while it was open.
 *
 * It still has what was acknowledged, for as long as a connection has it open. Others open another
 * log beside the database, but their index, which stays, still is of the removed one: they cannot
 * write before all of that is in the database.
 */
#ifndef MKT_SQLITE_REMOVED_H
#define MKT_SQLITE_REMOVED_H

#include "sqlite/database.h"

/* Whether the database is the one that the log belongs to, and the log has what it had. */
bool mkt_sqlite_has_its_log(mkt_sqlite *database);

/* Whether the log that this connection has is the one in use, and has what is not in the database,
 * which others can be kept from writing to. */
bool mkt_sqlite_must_save(const mkt_sqlite *database);

/* Writes that into the database.
 * Waits for others until the deadline. If it fails, some of it is not there. */
mkt_code mkt_sqlite_save_log(mkt_sqlite *database, mkt_error *error);

/* Keeps the connection, of which the log could not be saved and whose statements are finalized,
 * until mkt_sqlite_save_kept or the end of the process; the database has none then. Nothing if
 * memory is short. */
void mkt_sqlite_keep(mkt_sqlite *database);

/* Saves the logs of those that were kept of the database at a path, and closes them. */
mkt_code mkt_sqlite_save_kept(const char *path, mkt_error *error);

#endif
