/* opened.h: the connections that this process has, of all its threads.
 *
 * SQLite knows of each open file which locks the process has on it, and does not see a fork: a
 * forked process that opened such a file anew would take its parent's locks for its own, and write
 * without any.
 *
 * All connections of a process to a file share its -shm, also one that was removed: there is no new
 * one before the last of them is closed. And only who has a removed -wal open can save it. So
 * whoever opens the file looks after those that rest.
 */
#ifndef MKT_SQLITE_OPENED_H
#define MKT_SQLITE_OPENED_H

#include "sqlite/database.h"

typedef struct mkt_sqlite_opened mkt_sqlite_opened;

/* Whether another process's memory, of which this one's is a copy, had the file at a path open. */
bool mkt_sqlite_is_inherited(const char *path);

/* Remembers an open connection, whose files are known, until mkt_sqlite_forget. NULL if memory is
 * short. */
mkt_sqlite_opened *mkt_sqlite_remember(mkt_sqlite *database);

/* By the process that remembered it; in another it does nothing. NULL is allowed. */
void mkt_sqlite_forget(mkt_sqlite_opened *opened);

/* Around calls: other threads leave a connection alone meanwhile, and in a transaction. False
 * within another call; it is to be handed to mkt_sqlite_leave. */
bool mkt_sqlite_enter(mkt_sqlite *database);
void mkt_sqlite_leave(mkt_sqlite *database, bool has_entered);

/* Of those that rest and have the file at the path open: disconnects each whose -shm is not the one
 * that is there now, and saves the -wal of each that alone has it, or else keeps it: see removed.h.
 */
void mkt_sqlite_look_after(const char *path);

#endif
