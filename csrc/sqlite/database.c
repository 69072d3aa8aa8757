#include "sqlite/database.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "sqlite/failure.h"
#include "sqlite/hash.h"
#include "sqlite/log.h"
#include "sqlite/mapping.h"
#include "sqlite/opened.h"
#include "sqlite/removed.h"
#include "sqlite/transaction.h"
#include "sqlite/uri.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  POLL_NANOSECONDS = 1000000, /* between two looks at whether others are done */
  PROGRESS_STEPS = 2000,      /* of SQLite's virtual machine, between two looks at the clock */
  FRAMES_OF_A_LARGE_LOG = 2000,
  NAME_BYTES = 100,
};

static bool is_late(const mkt_sqlite *database) {
  return mkt_clock_monotonic() >= database->deadline;
}

void mkt_sqlite_pause(void) {
  const struct timespec moment = {.tv_nsec = POLL_NANOSECONDS};
  (void)nanosleep(&moment, NULL);
}

static int on_busy(void *database, int times) {
  (void)times;
  if (is_late(database)) return 0;
  mkt_sqlite_pause();
  return 1;
}

static int on_progress(void *database) {
  return is_late(database);
}

/* Whoever fills the log writes it back within its own commit: 2,000 pages that lie anywhere take
 * the disk 20 to 30 ms, 8,000 pages 60 to 80 ms, and make for a tenth fewer writes. From a log that
 * was removed, SQLite would write what another one has by now. */
static int on_commit(void *context, sqlite3 *db, const char *name, int frames) {
  const mkt_sqlite *database = context;
  if (frames < FRAMES_OF_A_LARGE_LOG) return SQLITE_OK;
  if (mkt_sqlite_identity_check(&database->identity, database->name, NULL) != MKT_OK) {
    return SQLITE_OK;
  }
  (void)sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  return SQLITE_OK;
}

void mkt_sqlite_limit(mkt_sqlite *database, double seconds) {
  database->seconds = seconds;
  database->deadline = mkt_clock_monotonic() + seconds;
}

mkt_code mkt_sqlite_check_owner(const mkt_sqlite *database, mkt_error *error) {
  if (database->db == NULL && database->opened != NULL) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                    "a file of %s was removed or replaced while it was open", database->name);
  }
  if (database->db == NULL) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "the database is closed");
  }
  if (database->pid == getpid()) return MKT_OK;
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                  "the connection to %s belongs to another process", database->name);
}

mkt_code mkt_sqlite_check_time(const mkt_sqlite *database, const char *doing, mkt_error *error) {
  return is_late(database) ? mkt_sqlite_fail(database, SQLITE_INTERRUPT, doing, error) : MKT_OK;
}

mkt_code mkt_sqlite_check(const mkt_sqlite *database, const char *doing, mkt_error *error) {
  mkt_code code = mkt_sqlite_check_owner(database, error);
  return code == MKT_OK ? mkt_sqlite_check_time(database, doing, error) : code;
}

static mkt_code copy_path(mkt_sqlite *database, const char *path, mkt_error *error) {
  size_t n = strlen(path);
  database->path = mkt_alloc(n + 1);
  if (database->path == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  memcpy(database->path, path, n + 1);
  database->name = database->path + (n > NAME_BYTES ? n - NAME_BYTES : 0);
  return MKT_OK;
}

/* What SQLite would open, but must not. */
static mkt_code check_place(const mkt_sqlite *database, bool create, mkt_error *error) {
  struct stat found;
  if (!create && stat(database->path, &found) != 0 && errno == ENOENT) {
    return mkt_fail(error, MKT_ERR_FILE_MISSING, "there is no such file: %s", database->name);
  }
  if (mkt_sqlite_is_inherited(database->path)) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                    "cannot open %s: the process that forked this one had it open: open it after "
                    "the fork alone, or start a program anew",
                    database->name);
  }
  return mkt_sqlite_check_lone_log(database, error);
}

static int open_file(mkt_sqlite *database, const mkt_sqlite_options *options) {
  char *uri = mkt_sqlite_uri(options->path, options->holders);
  if (uri == NULL) return SQLITE_NOMEM;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
  if (options->create) flags |= SQLITE_OPEN_CREATE;
  int result = sqlite3_open_v2(uri, &database->db, flags, NULL);
  mkt_free(uri);
  if (database->db == NULL) return SQLITE_NOMEM;
  (void)sqlite3_extended_result_codes(database->db, 1);
  return result == SQLITE_OK ? SQLITE_OK : sqlite3_extended_errcode(database->db);
}

/* Until a close that knows the files to be those that were opened, nothing is to be written from
 * the log into the file, or removed, by a close. */
static int set_handlers(mkt_sqlite *database) {
  (void)sqlite3_busy_handler(database->db, on_busy, database);
  sqlite3_progress_handler(database->db, PROGRESS_STEPS, on_progress, database);
  (void)sqlite3_wal_hook(database->db, on_commit, database);
  int result = sqlite3_db_config(database->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  if (result == SQLITE_OK) result = mkt_sqlite_add_hash(database->db);
  if (result != SQLITE_OK) return result;
  return sqlite3_db_readonly(database->db, "main") == 1 ? SQLITE_READONLY : SQLITE_OK;
}

static int run(mkt_sqlite *database, const char *statements) {
  return sqlite3_exec(database->db, statements, NULL, NULL, NULL);
}

/* SQLite reads the first page alone, which opens the log. */
static mkt_code check_log(mkt_sqlite *database, mkt_error *error) {
  int result = run(database, "PRAGMA page_size = 2048; BEGIN; PRAGMA schema_version");
  mkt_code code = mkt_sqlite_check_log(database, error);
  if (code == MKT_OK && result == SQLITE_OK) result = run(database, "COMMIT");
  if (code != MKT_OK || result == SQLITE_OK) return code;
  return mkt_sqlite_fail(database, result, "open", error);
}

static int note_mode(void *is_wal, int count, char **values, char **names) {
  (void)names;
  *(bool *)is_wal = count == 1 && values[0] != NULL && strcmp(values[0], "wal") == 0;
  return 0;
}

/* While another process makes the file, SQLite refuses the switch at once, without the handler. */
static mkt_code use_log(mkt_sqlite *database, mkt_error *error) {
  for (;;) {
    bool is_wal = false;
    int result = sqlite3_exec(database->db, "PRAGMA journal_mode = WAL", note_mode, &is_wal, NULL);
    if (result == SQLITE_OK && is_wal) return MKT_OK;
    if (result == SQLITE_OK) {
      return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                      "cannot open %s: its journal mode cannot be WAL: keep it on a local disk, "
                      "not on a network file system",
                      database->name);
    }
    if ((result & 0xff) != SQLITE_BUSY || is_late(database)) {
      return mkt_sqlite_fail(database, result, "open", error);
    }
    mkt_sqlite_pause();
  }
}

static mkt_code configure(mkt_sqlite *database, mkt_error *error) {
  mkt_code code = check_log(database, error);
  if (code == MKT_OK) code = use_log(database, error);
  if (code != MKT_OK) return code;
  int result = run(database, "PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;"
                             "PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = 33554432;"
                             "SELECT count(*) FROM sqlite_master");
  return result == SQLITE_OK ? MKT_OK : mkt_sqlite_fail(database, result, "open", error);
}

/* Another thread may still have one that was removed, while another process has made a new one. */
static mkt_code check_index(const mkt_sqlite *database, mkt_error *error) {
  const void volatile *index = mkt_sqlite_index(database);
  if (index == NULL || !mkt_mapped_file_is_removed(index)) return MKT_OK;
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "%s-shm was removed while it was open",
                  database->name);
}

static mkt_code identify(mkt_sqlite *database, mkt_error *error) {
  const char *real = sqlite3_db_filename(database->db, "main");
  mkt_code code = mkt_sqlite_identity_take(&database->identity, database->path, real, error);
  if (code != MKT_OK) return code;
  int has_moved = 0;
  (void)sqlite3_file_control(database->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
  if (has_moved) return mkt_sqlite_fail(database, SQLITE_READONLY_DBMOVED, "open", error);
  code = check_index(database, error);
  if (code != MKT_OK) return code;
  database->opened = mkt_sqlite_remember(database);
  return database->opened != NULL ? MKT_OK : mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
}

static mkt_code try_to_open(mkt_sqlite *database, const mkt_sqlite_options *options,
                            mkt_error *error) {
  mkt_code code = copy_path(database, options->path, error);
  if (code == MKT_OK) code = check_place(database, options->create, error);
  if (code != MKT_OK) return code;
  int result = open_file(database, options);
  if (result == SQLITE_OK) result = set_handlers(database);
  if (result != SQLITE_OK) return mkt_sqlite_fail(database, result, "open", error);
  code = configure(database, error);
  return code == MKT_OK ? identify(database, error) : code;
}

mkt_code mkt_sqlite_open(mkt_sqlite *database, const mkt_sqlite_options *options,
                         mkt_error *error) {
  database->pid = getpid();
  mkt_sqlite_limit(database, MKT_SQLITE_OPEN_SECONDS);
  mkt_sqlite_look_after(options->path);
  mkt_code code = mkt_sqlite_save_kept(options->path, error);
  if (code == MKT_OK) code = try_to_open(database, options, error);
  if (code != MKT_OK) mkt_sqlite_close(database);
  mkt_sqlite_leave(database, true);
  return code;
}

void mkt_sqlite_settle(mkt_sqlite *database) {
  if (database->active != NULL) (void)sqlite3_reset(database->active);
  database->active = NULL;
}

static bool may_end_log(mkt_sqlite *database) {
  if (database->opened == NULL) return false;
  return mkt_sqlite_identity_check(&database->identity, database->name, NULL) == MKT_OK &&
         mkt_sqlite_has_its_log(database);
}

void mkt_sqlite_disconnect(mkt_sqlite *database) {
  mkt_sqlite_rollback(database);
  mkt_sqlite_limit(database, MKT_SQLITE_OPEN_SECONDS);
  for (int i = 0; i < database->count; i++)
    (void)sqlite3_finalize(database->statements[i]);
  database->count = 0;
  if (may_end_log(database)) {
    (void)sqlite3_db_config(database->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
  } else if (mkt_sqlite_save_log(database, NULL) != MKT_OK) {
    mkt_sqlite_keep(database);
  }
  (void)sqlite3_close(database->db);
  database->db = NULL;
}

void mkt_sqlite_close(mkt_sqlite *database) {
  (void)mkt_sqlite_enter(database);
  if (mkt_sqlite_check_owner(database, NULL) == MKT_OK) mkt_sqlite_disconnect(database);
  mkt_sqlite_forget(database->opened);
  mkt_sqlite_identity_free(&database->identity);
  mkt_free(database->statements);
  mkt_free(database->path);
  *database = (mkt_sqlite){0};
}
