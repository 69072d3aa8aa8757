#include "sqlite/removed.h"

#include "core/alloc.h"
#include "sqlite/failure.h"
#include "sqlite/log.h"
#include "sqlite/opened.h"
#include "sqlite/transaction.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the locks of the index, the one that who writes has (https://sqlite.org/walformat.html). */
enum { WRITE_LOCK = 0 };

typedef struct kept {
  struct kept *next;
  mkt_sqlite database;
} kept;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static kept *all; /* of all threads */

static int execute(mkt_sqlite *database, const char *statement) {
  return sqlite3_exec(database->db, statement, NULL, NULL, NULL);
}

bool mkt_sqlite_has_its_log(mkt_sqlite *database) {
  long version = 0;
  bool is_over;
  int result = execute(database, "BEGIN");
  if (result == SQLITE_OK) result = mkt_sqlite_read_user_version(database->db, &version);
  bool has = result == SQLITE_OK && mkt_sqlite_check_log(database, NULL) == MKT_OK &&
             mkt_sqlite_check_contents(database, (uint32_t)version, &is_over, NULL) == MKT_OK;
  (void)execute(database, "ROLLBACK");
  return has;
}

/* As long as there is no other index at its path, nobody writes by another one. */
static bool has_removed_log(const mkt_sqlite_identity *identity) {
  return mkt_sqlite_identity_look(identity, MKT_SQLITE_MAIN) == MKT_SQLITE_SAME &&
         mkt_sqlite_identity_look(identity, MKT_SQLITE_LOG) != MKT_SQLITE_SAME &&
         mkt_sqlite_identity_look(identity, MKT_SQLITE_INDEX) != MKT_SQLITE_OTHER;
}

bool mkt_sqlite_must_save(const mkt_sqlite *database) {
  return database->opened != NULL && has_removed_log(&database->identity) &&
         mkt_sqlite_log_is_ahead(database);
}

static sqlite3_file *main_file(const mkt_sqlite *database) {
  sqlite3_file *file = NULL;
  (void)sqlite3_file_control(database->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  return file;
}

static mkt_code wait_after(const mkt_sqlite *database, int result, mkt_error *error) {
  if ((result & 0xff) != SQLITE_BUSY ||
      mkt_sqlite_check_time(database, "write to", NULL) != MKT_OK) {
    return mkt_sqlite_fail(database, result, "write to", error);
  }
  mkt_sqlite_pause();
  return MKT_OK;
}

static mkt_code lock_out_writers(const mkt_sqlite *database, mkt_error *error) {
  sqlite3_file *file = main_file(database);
  for (;;) {
    int flags = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;
    int result = file->pMethods->xShmLock(file, WRITE_LOCK, 1, flags);
    if (result == SQLITE_OK) return MKT_OK;
    mkt_code code = wait_after(database, result, error);
    if (code != MKT_OK) return code;
  }
}

static void let_writers_in(const mkt_sqlite *database) {
  sqlite3_file *file = main_file(database);
  (void)file->pMethods->xShmLock(file, WRITE_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
}

/* A checkpoint ends before what somebody reads, without saying so. */
static mkt_code write_back(mkt_sqlite *database, mkt_error *error) {
  if (!mkt_sqlite_must_save(database) || !mkt_sqlite_has_its_log(database)) return MKT_OK;
  for (;;) {
    int result =
        sqlite3_wal_checkpoint_v2(database->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (!mkt_sqlite_must_save(database)) return MKT_OK;
    mkt_code code = wait_after(database, result == SQLITE_OK ? SQLITE_BUSY : result, error);
    if (code != MKT_OK) return code;
  }
}

/* As long as nobody else can write, the index stays that of this log. SQLite's own checkpoint would
 * look at the log before it waits for others, and write from it what they have written to another
 * one meanwhile. */
mkt_code mkt_sqlite_save_log(mkt_sqlite *database, mkt_error *error) {
  if (!mkt_sqlite_must_save(database)) return MKT_OK;
  mkt_code code = lock_out_writers(database, error);
  if (code != MKT_OK) return code;
  code = write_back(database, error);
  let_writers_in(database);
  return code;
}

static void add(kept *one) {
  (void)pthread_mutex_lock(&mutex);
  one->next = all;
  all = one;
  (void)pthread_mutex_unlock(&mutex);
}

/* Its own are the path and what it is remembered by. */
static kept *make_kept(const mkt_sqlite *database) {
  kept *one = mkt_alloc(sizeof *one);
  if (one == NULL) return NULL;
  one->database = *database;
  one->database.statements = NULL;
  if (!mkt_alloc_copy(&one->database.path, database->path)) {
    mkt_free(one);
    return NULL;
  }
  one->database.name = one->database.path + (database->name - database->path);
  one->database.opened = mkt_sqlite_remember(&one->database);
  if (one->database.opened != NULL) return one;
  mkt_free(one->database.path);
  mkt_free(one);
  return NULL;
}

void mkt_sqlite_keep(mkt_sqlite *database) {
  kept *one = make_kept(database);
  if (one == NULL) return;
  (void)sqlite3_busy_handler(database->db, NULL, NULL);
  sqlite3_progress_handler(database->db, 0, NULL, NULL);
  (void)sqlite3_wal_hook(database->db, NULL, NULL);
  database->db = NULL;
  database->identity = (mkt_sqlite_identity){0};
  add(one);
}

static bool is_of(const kept *one, const struct stat *found) {
  const mkt_sqlite_file *file = &one->database.identity.files[MKT_SQLITE_MAIN];
  return one->database.pid == getpid() && file->device == found->st_dev &&
         file->number == found->st_ino;
}

/* Takes it out: while one thread saves it, others go on. */
static kept *take(const struct stat *found) {
  kept *taken = NULL;
  (void)pthread_mutex_lock(&mutex);
  for (kept **at = &all; *at != NULL && taken == NULL; at = &(*at)->next) {
    if (!is_of(*at, found)) continue;
    taken = *at;
    *at = taken->next;
    break;
  }
  (void)pthread_mutex_unlock(&mutex);
  return taken;
}

mkt_code mkt_sqlite_save_kept(const char *path, mkt_error *error) {
  struct stat found;
  if (stat(path, &found) != 0) return MKT_OK;
  for (kept *one = take(&found); one != NULL; one = take(&found)) {
    mkt_sqlite_limit(&one->database, MKT_SQLITE_OPEN_SECONDS);
    mkt_code code = mkt_sqlite_save_log(&one->database, error);
    if (code != MKT_OK) {
      add(one);
      return code;
    }
    mkt_sqlite_close(&one->database);
    mkt_free(one);
  }
  return MKT_OK;
}
