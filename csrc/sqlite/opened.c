#include "sqlite/opened.h"

#include "core/alloc.h"
#include "sqlite/removed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a connection: only who has changed RESTS has it. */
enum { RESTS, IS_USED, IS_LOOKED_AFTER };

struct mkt_sqlite_opened {
  struct mkt_sqlite_opened *next;
  pid_t pid;
  dev_t device;
  ino_t number;
  mkt_sqlite *database;
  atomic_int use;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mkt_sqlite_opened *all; /* of all threads */

static bool is_of(const mkt_sqlite_opened *one, const struct stat *found) {
  return one->device == found->st_dev && one->number == found->st_ino;
}

bool mkt_sqlite_is_inherited(const char *path) {
  struct stat found;
  if (stat(path, &found) != 0) return false;
  bool is_inherited = false;
  (void)pthread_mutex_lock(&mutex);
  for (const mkt_sqlite_opened *one = all; one != NULL; one = one->next) {
    if (is_of(one, &found) && one->pid != getpid()) is_inherited = true;
  }
  (void)pthread_mutex_unlock(&mutex);
  return is_inherited;
}

mkt_sqlite_opened *mkt_sqlite_remember(mkt_sqlite *database) {
  const mkt_sqlite_file *file = &database->identity.files[MKT_SQLITE_MAIN];
  mkt_sqlite_opened *opened = mkt_alloc(sizeof *opened);
  if (opened == NULL) return NULL;
  opened->pid = getpid();
  opened->device = file->device;
  opened->number = file->number;
  opened->database = database;
  atomic_init(&opened->use, IS_USED);
  (void)pthread_mutex_lock(&mutex);
  opened->next = all;
  all = opened;
  (void)pthread_mutex_unlock(&mutex);
  return opened;
}

void mkt_sqlite_forget(mkt_sqlite_opened *opened) {
  if (opened == NULL || opened->pid != getpid()) return;
  (void)pthread_mutex_lock(&mutex);
  for (mkt_sqlite_opened **at = &all; *at != NULL; at = &(*at)->next) {
    if (*at != opened) continue;
    *at = opened->next;
    break;
  }
  (void)pthread_mutex_unlock(&mutex);
  mkt_free(opened);
}

static bool begin_use(mkt_sqlite_opened *opened, int use) {
  int rests = RESTS;
  return atomic_compare_exchange_strong(&opened->use, &rests, use);
}

bool mkt_sqlite_enter(mkt_sqlite *database) {
  mkt_sqlite_opened *opened = database->opened;
  if (opened == NULL || opened->pid != getpid()) return false;
  while (!begin_use(opened, IS_USED)) {
    if (atomic_load(&opened->use) == IS_USED) return false;
    mkt_sqlite_pause();
  }
  return true;
}

void mkt_sqlite_leave(mkt_sqlite *database, bool has_entered) {
  if (has_entered && database->opened != NULL) atomic_store(&database->opened->use, RESTS);
}

static bool has_index(const mkt_sqlite *database) {
  return mkt_sqlite_identity_look(&database->identity, MKT_SQLITE_INDEX) == MKT_SQLITE_SAME;
}

static bool is_stale(const mkt_sqlite *database) {
  if (database->db == NULL || sqlite3_get_autocommit(database->db) == 0) return false;
  return !has_index(database) || mkt_sqlite_must_save(database);
}

static mkt_sqlite_opened *take_stale(const struct stat *found) {
  mkt_sqlite_opened *taken = NULL;
  (void)pthread_mutex_lock(&mutex);
  for (mkt_sqlite_opened *one = all; one != NULL && taken == NULL; one = one->next) {
    if (one->pid != getpid() || !is_of(one, found)) continue;
    if (!begin_use(one, IS_LOOKED_AFTER)) continue;
    if (is_stale(one->database)) {
      taken = one;
    } else {
      atomic_store(&one->use, RESTS);
    }
  }
  (void)pthread_mutex_unlock(&mutex);
  return taken;
}

/* One that can stay open does: with it stays the index, which says that the log that is there now
 * is not the one in use. */
void mkt_sqlite_look_after(const char *path) {
  struct stat found;
  if (stat(path, &found) != 0) return;
  for (mkt_sqlite_opened *one = take_stale(&found); one != NULL; one = take_stale(&found)) {
    mkt_sqlite *database = one->database;
    mkt_sqlite_limit(database, MKT_SQLITE_OPEN_SECONDS);
    if (!has_index(database) || mkt_sqlite_save_log(database, NULL) != MKT_OK ||
        mkt_sqlite_must_save(database)) {
      mkt_sqlite_disconnect(database);
    }
    atomic_store(&one->use, RESTS);
  }
}
