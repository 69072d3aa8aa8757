#include "sqlite/failure.h"

#include "core/clock.h"

#include <errno.h>
#include <string.h>

typedef struct named_result {
  int result;
  const char *name;
} named_result;

#define NAMED(result)                                                                              \
  { result, #result }

static const named_result names[] = {
    NAMED(SQLITE_ERROR),
    NAMED(SQLITE_INTERNAL),
    NAMED(SQLITE_PERM),
    NAMED(SQLITE_ABORT),
    NAMED(SQLITE_BUSY),
    NAMED(SQLITE_LOCKED),
    NAMED(SQLITE_NOMEM),
    NAMED(SQLITE_READONLY),
    NAMED(SQLITE_INTERRUPT),
    NAMED(SQLITE_IOERR),
    NAMED(SQLITE_CORRUPT),
    NAMED(SQLITE_NOTFOUND),
    NAMED(SQLITE_FULL),
    NAMED(SQLITE_CANTOPEN),
    NAMED(SQLITE_PROTOCOL),
    NAMED(SQLITE_SCHEMA),
    NAMED(SQLITE_TOOBIG),
    NAMED(SQLITE_CONSTRAINT),
    NAMED(SQLITE_MISMATCH),
    NAMED(SQLITE_MISUSE),
    NAMED(SQLITE_NOLFS),
    NAMED(SQLITE_AUTH),
    NAMED(SQLITE_RANGE),
    NAMED(SQLITE_NOTADB),
    NAMED(SQLITE_ABORT_ROLLBACK),
    NAMED(SQLITE_BUSY_RECOVERY),
    NAMED(SQLITE_BUSY_SNAPSHOT),
    NAMED(SQLITE_CANTOPEN_FULLPATH),
    NAMED(SQLITE_CANTOPEN_ISDIR),
    NAMED(SQLITE_CONSTRAINT_CHECK),
    NAMED(SQLITE_CONSTRAINT_NOTNULL),
    NAMED(SQLITE_CONSTRAINT_PRIMARYKEY),
    NAMED(SQLITE_CONSTRAINT_ROWID),
    NAMED(SQLITE_CONSTRAINT_UNIQUE),
    NAMED(SQLITE_IOERR_ACCESS),
    NAMED(SQLITE_IOERR_CLOSE),
    NAMED(SQLITE_IOERR_DELETE),
    NAMED(SQLITE_IOERR_DIR_FSYNC),
    NAMED(SQLITE_IOERR_FSTAT),
    NAMED(SQLITE_IOERR_FSYNC),
    NAMED(SQLITE_IOERR_LOCK),
    NAMED(SQLITE_IOERR_NOMEM),
    NAMED(SQLITE_IOERR_RDLOCK),
    NAMED(SQLITE_IOERR_READ),
    NAMED(SQLITE_IOERR_SHMLOCK),
    NAMED(SQLITE_IOERR_SHMMAP),
    NAMED(SQLITE_IOERR_SHMOPEN),
    NAMED(SQLITE_IOERR_SHMSIZE),
    NAMED(SQLITE_IOERR_SHORT_READ),
    NAMED(SQLITE_IOERR_TRUNCATE),
    NAMED(SQLITE_IOERR_UNLOCK),
    NAMED(SQLITE_IOERR_WRITE),
    NAMED(SQLITE_READONLY_CANTINIT),
    NAMED(SQLITE_READONLY_CANTLOCK),
    NAMED(SQLITE_READONLY_DBMOVED),
    NAMED(SQLITE_READONLY_DIRECTORY),
    NAMED(SQLITE_READONLY_RECOVERY),
    NAMED(SQLITE_READONLY_ROLLBACK),
};

static const char *find_name(int result) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].result == result) return names[i].name;
  }
  return NULL;
}

const char *mkt_sqlite_result_name(int result) {
  const char *name = find_name(result);
  if (name == NULL) name = find_name(result & 0xff);
  return name != NULL ? name : "of SQLite's";
}

static mkt_code fail_late(const mkt_sqlite *database, int result, const char *doing,
                          mkt_error *error) {
  if ((result & 0xff) == SQLITE_BUSY) {
    return mkt_fail(error, MKT_ERR_TIMEOUT,
                    "cannot %s %s: another process has kept it locked for %.1f s", doing,
                    database->name, database->seconds);
  }
  return mkt_fail(error, MKT_ERR_TIMEOUT, "cannot %s %s: that took longer than %.1f s", doing,
                  database->name, database->seconds);
}

/* The system's, if the failure was one of a system call's. SQLite does not note what made a commit
 * fail. */
static const char *reason(const mkt_sqlite *database, int result, int last) {
  int primary = result & 0xff;
  int number = database->db != NULL ? sqlite3_system_errno(database->db) : 0;
  if (number == 0) number = last;
  if (number == 0 || (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN)) return NULL;
  return strerror(number);
}

mkt_code mkt_sqlite_fail(const mkt_sqlite *database, int result, const char *doing,
                         mkt_error *error) {
  int primary = result & 0xff, last = errno;
  if (primary == SQLITE_NOMEM || result == SQLITE_IOERR_NOMEM) {
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  }
  bool is_late = mkt_clock_monotonic() >= database->deadline;
  if (primary == SQLITE_INTERRUPT || (primary == SQLITE_BUSY && is_late)) {
    return fail_late(database, result, doing, error);
  }
  /* the connection's own words say more, if they are about this result */
  const char *words = sqlite3_errstr(result);
  if (database->db != NULL && sqlite3_extended_errcode(database->db) == result) {
    words = sqlite3_errmsg(database->db);
  }
  const char *why = reason(database, result, last);
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "cannot %s %s: %.120s (%s%s%s)", doing,
                  database->name, words, mkt_sqlite_result_name(result), why != NULL ? ": " : "",
                  why != NULL ? why : "");
}
