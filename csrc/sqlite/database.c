#include "sqlite/database.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "sqlite/failure.h"
#include "sqlite/hash.h"
#include "sqlite/uri.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  POLL_NANOSECONDS = 1000000, /* between two looks at whether others are done */
  PROGRESS_STEPS = 2000,      /* of SQLite's virtual machine, between two looks at the clock */
  NAME_BYTES = 100,
};

static bool is_late(const mkt_sqlite *database) {
  return mkt_clock_monotonic() >= database->deadline;
}

static void pause_a_moment(void) {
  const struct timespec moment = {.tv_nsec = POLL_NANOSECONDS};
  (void)nanosleep(&moment, NULL);
}

static int on_busy(void *context, int times) {
  (void)times;
  if (is_late(context)) return 0;
  pause_a_moment();
  return 1;
}

static int on_progress(void *context) {
  return is_late(context);
}

void mkt_sqlite_limit(mkt_sqlite *database, double seconds) {
  database->seconds = seconds;
  database->deadline = mkt_clock_monotonic() + seconds;
}

mkt_code mkt_sqlite_check(const mkt_sqlite *database, const char *doing, mkt_error *error) {
  if (database->db == NULL) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "the database is closed");
  }
  if (database->pid != getpid()) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                    "cannot %s %s: the connection belongs to another process", doing,
                    database->name);
  }
  if (!is_late(database)) return MKT_OK;
  return mkt_sqlite_fail(database, SQLITE_INTERRUPT, doing, error);
}

static mkt_code copy_path(mkt_sqlite *database, const char *path, mkt_error *error) {
  size_t n = strlen(path);
  database->path = mkt_alloc(n + 1);
  if (database->path == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  memcpy(database->path, path, n + 1);
  database->name = database->path + (n > NAME_BYTES ? n - NAME_BYTES : 0);
  return MKT_OK;
}

static mkt_code check_presence(const mkt_sqlite *database, mkt_error *error) {
  struct stat found;
  if (stat(database->path, &found) == 0 || errno != ENOENT) return MKT_OK;
  return mkt_fail(error, MKT_ERR_FILE_MISSING, "there is no such file: %s", database->name);
}

static int open_file(mkt_sqlite *database, const mkt_sqlite_options *options) {
  char *uri = mkt_sqlite_uri(options->path, options->holders);
  if (uri == NULL) return SQLITE_NOMEM;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  int result =
      sqlite3_open_v2(uri, &database->db, flags | (options->create ? SQLITE_OPEN_CREATE : 0), NULL);
  mkt_free(uri);
  if (database->db == NULL) return SQLITE_NOMEM;
  (void)sqlite3_extended_result_codes(database->db, 1);
  return result == SQLITE_OK ? SQLITE_OK : sqlite3_extended_errcode(database->db);
}

static int set_handlers(mkt_sqlite *database) {
  (void)sqlite3_busy_handler(database->db, on_busy, database);
  sqlite3_progress_handler(database->db, PROGRESS_STEPS, on_progress, database);
  int result = sqlite3_db_config(database->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  return result == SQLITE_OK ? mkt_sqlite_add_hash(database->db) : result;
}

static int note_mode(void *mode, int count, char **values, char **names) {
  (void)names;
  *(bool *)mode = count == 1 && values[0] != NULL && strcmp(values[0], "wal") == 0;
  return 0;
}

/* While another process makes the file, SQLite refuses the switch at once, without the handler. */
static int use_log(mkt_sqlite *database, bool *is_wal) {
  for (;;) {
    int result = sqlite3_exec(database->db, "PRAGMA journal_mode = WAL", note_mode, is_wal, NULL);
    if ((result & 0xff) != SQLITE_BUSY || is_late(database)) return result;
    pause_a_moment();
  }
}

static mkt_code configure(mkt_sqlite *database, mkt_error *error) {
  bool is_wal = false;
  int result = sqlite3_exec(database->db, "PRAGMA page_size = 2048", NULL, NULL, NULL);
  if (result == SQLITE_OK) result = use_log(database, &is_wal);
  if (result == SQLITE_OK && !is_wal) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                    "cannot open %s: its journal mode cannot be WAL: keep it on a local disk, not "
                    "on a network file system",
                    database->name);
  }
  if (result == SQLITE_OK) {
    result = sqlite3_exec(
        database->db,
        "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA secure_delete = FAST;"
        "PRAGMA wal_autocheckpoint = 8000; PRAGMA schema_version",
        NULL, NULL, NULL);
  }
  return result == SQLITE_OK ? MKT_OK : mkt_sqlite_fail(database, result, "open", error);
}

static mkt_code try_to_open(mkt_sqlite *database, const mkt_sqlite_options *options,
                            mkt_error *error) {
  mkt_code code = copy_path(database, options->path, error);
  if (code == MKT_OK && !options->create) code = check_presence(database, error);
  if (code != MKT_OK) return code;
  int result = open_file(database, options);
  if (result == SQLITE_OK) result = set_handlers(database);
  if (result != SQLITE_OK) return mkt_sqlite_fail(database, result, "open", error);
  return configure(database, error);
}

mkt_code mkt_sqlite_open(mkt_sqlite *database, const mkt_sqlite_options *options,
                         mkt_error *error) {
  database->pid = getpid();
  mkt_sqlite_limit(database, MKT_SQLITE_OPEN_SECONDS);
  mkt_code code = try_to_open(database, options, error);
  if (code != MKT_OK) mkt_sqlite_close(database);
  return code;
}

void mkt_sqlite_settle(mkt_sqlite *database) {
  if (database->active != NULL) (void)sqlite3_reset(database->active);
  database->active = NULL;
}

mkt_code mkt_sqlite_begin(mkt_sqlite *database, mkt_error *error) {
  mkt_code code = mkt_sqlite_check(database, "write to", error);
  if (code != MKT_OK) return code;
  mkt_sqlite_settle(database);
  int result = sqlite3_exec(database->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  return result == SQLITE_OK ? MKT_OK : mkt_sqlite_fail(database, result, "write to", error);
}

mkt_code mkt_sqlite_commit(mkt_sqlite *database, mkt_error *error) {
  mkt_code code = mkt_sqlite_check(database, "write to", error);
  if (code == MKT_OK) {
    mkt_sqlite_settle(database);
    int result = sqlite3_exec(database->db, "COMMIT", NULL, NULL, NULL);
    if (result != SQLITE_OK) code = mkt_sqlite_fail(database, result, "write to", error);
  }
  if (code != MKT_OK) mkt_sqlite_rollback(database);
  return code;
}

void mkt_sqlite_rollback(mkt_sqlite *database) {
  if (database->db == NULL || database->pid != getpid()) return;
  mkt_sqlite_settle(database);
  if (sqlite3_get_autocommit(database->db)) return;
  double deadline = database->deadline;
  database->deadline = INFINITY;
  (void)sqlite3_exec(database->db, "ROLLBACK", NULL, NULL, NULL);
  database->deadline = deadline;
}

static void finalize_statements(mkt_sqlite *database) {
  for (int i = 0; i < database->count; i++)
    (void)sqlite3_finalize(database->statements[i]);
}

void mkt_sqlite_close(mkt_sqlite *database) {
  if (database->db != NULL && database->pid == getpid()) {
    mkt_sqlite_rollback(database);
    finalize_statements(database);
    (void)sqlite3_db_config(database->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    (void)sqlite3_close(database->db);
  }
  mkt_free(database->statements);
  mkt_free(database->path);
  *database = (mkt_sqlite){0};
}
