#include "sqlite/inherited.h"

#include "core/alloc.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

struct mkt_sqlite_opened {
  struct mkt_sqlite_opened *next;
  pid_t pid;
  dev_t device;
  ino_t number;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mkt_sqlite_opened *all; /* of all threads */

bool mkt_sqlite_is_inherited(const char *path) {
  struct stat found;
  if (stat(path, &found) != 0) return false;
  bool is_inherited = false;
  (void)pthread_mutex_lock(&mutex);
  for (const mkt_sqlite_opened *one = all; one != NULL; one = one->next) {
    bool is_same = one->device == found.st_dev && one->number == found.st_ino;
    if (is_same && one->pid != getpid()) is_inherited = true;
  }
  (void)pthread_mutex_unlock(&mutex);
  return is_inherited;
}

mkt_sqlite_opened *mkt_sqlite_remember(const mkt_sqlite_file *file) {
  mkt_sqlite_opened *opened = mkt_alloc(sizeof *opened);
  if (opened == NULL) return NULL;
  (void)pthread_mutex_lock(&mutex);
  *opened = (mkt_sqlite_opened){
      .next = all, .pid = getpid(), .device = file->device, .number = file->number};
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
