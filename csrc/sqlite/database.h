/* database.h: a connection to a SQLite file in WAL mode, for the inbox alone.
 *
 * Only SQLite ever opens the file: closing any other descriptor of it would drop the locks that
 * SQLite has. A connection is used by one thread at a time. After a fork it belongs to the process
 * that made it; the other one gets an error, and its close leaves files and locks alone.
 *
 * Results are MKT_ERR_INBOX_UNAVAILABLE if nothing else is said; MKT_ERR_TIMEOUT if the deadline
 * passed, and MKT_ERR_OUT_OF_MEMORY.
 */
#ifndef MKT_SQLITE_DATABASE_H
#define MKT_SQLITE_DATABASE_H

#include "core/error.h"
#include "sqlite/identity.h"

#include <sqlite3.h>
#include <stdint.h>

/* The deadline of an opening. */
#define MKT_SQLITE_OPEN_SECONDS 3.0

enum { MKT_SQLITE_MOST_STATEMENTS = 1000 };

enum { MKT_SQLITE_HEADER_BYTES = 100 };

/* What the file itself began with at the last look, without the log. */
typedef struct mkt_sqlite_seen {
  bool is_known;
  unsigned char header[MKT_SQLITE_HEADER_BYTES];
  uint32_t oldest; /* count of commits that is written there next, at least; 0: any */
} mkt_sqlite_seen;

/* Zero it before use. It must stay where it is while it is open. */
typedef struct mkt_sqlite {
  sqlite3 *db;      /* NULL if it is closed */
  char *path;       /* owned */
  const char *name; /* for messages: the end of the path */
  int64_t pid;      /* of the process that opened it */
  mkt_sqlite_identity identity;
  struct mkt_sqlite_opened *opened; /* see opened.h */
  double seconds, deadline;         /* the limit, and when by the monotonic clock it ends */
  sqlite3_stmt **statements;        /* owned, as each of them */
  int count;
  sqlite3_stmt *active; /* begun and not yet ended, or NULL */
  int changes;          /* SQLite's count of them as the transaction began */
  mkt_sqlite_seen seen;
} mkt_sqlite;

typedef struct mkt_sqlite_options {
  const char *path;
  const char *holders; /* a file whose mode a new database gets; NULL is allowed */
  bool create;
} mkt_sqlite_options;

/* MKT_ERR_FILE_MISSING: there is no file, and none is to be made. */
mkt_code mkt_sqlite_open(mkt_sqlite *database, const mkt_sqlite_options *options, mkt_error *error);

/* Between two looks at whether others are done. */
void mkt_sqlite_pause(void);

/* The deadline, from now, of all that follows. */
void mkt_sqlite_limit(mkt_sqlite *database, double seconds);

/* Whether this process can use it. */
mkt_code mkt_sqlite_check_owner(const mkt_sqlite *database, mkt_error *error);

/* Whether its time is not up. `doing` is for the message. */
mkt_code mkt_sqlite_check_time(const mkt_sqlite *database, const char *doing, mkt_error *error);

/* Both. */
mkt_code mkt_sqlite_check(const mkt_sqlite *database, const char *doing, mkt_error *error);

/* Ends what was begun and is not wanted further. */
void mkt_sqlite_settle(mkt_sqlite *database);

/* Closes the connection, and leaves what its owner, another thread, may look at. */
void mkt_sqlite_disconnect(mkt_sqlite *database);

/* Idempotent. The last connection writes the log into the file and removes the log, if both are
 * still those that were opened and belong to each other. What a log that was removed or replaced
 * holds is written into the file by whoever has it: see removed.h. */
void mkt_sqlite_close(mkt_sqlite *database);

#endif
