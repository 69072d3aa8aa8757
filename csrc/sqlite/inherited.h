/* inherited.h: files that this process was forked off with while its parent had them open.
 *
 * SQLite knows of each open file which locks the process has on it, and does not see a fork: a
 * forked process that opened such a file anew would take its parent's locks for its own, and write
 * without any.
 */
#ifndef MKT_SQLITE_INHERITED_H
#define MKT_SQLITE_INHERITED_H

#include "core/error.h"
#include "sqlite/identity.h"

typedef struct mkt_sqlite_opened mkt_sqlite_opened;

/* Whether another process's memory, of which this one's is a copy, had the file at a path open. */
bool mkt_sqlite_is_inherited(const char *path);

/* Remembers an open file until mkt_sqlite_forget. NULL if memory is short. */
mkt_sqlite_opened *mkt_sqlite_remember(const mkt_sqlite_file *file);

/* By the process that remembered it; in another it does nothing. NULL is allowed. */
void mkt_sqlite_forget(mkt_sqlite_opened *opened);

#endif
