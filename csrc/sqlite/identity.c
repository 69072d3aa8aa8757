#include "sqlite/identity.h"

#include "core/alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char *const suffixes[MKT_SQLITE_FILES] = {"", "-wal", "-shm"};

static char *join(const char *path, const char *suffix) {
  size_t n = strlen(path), more = strlen(suffix) + 1;
  char *joined = mkt_alloc(n + more);
  if (joined == NULL) return NULL;
  memcpy(joined, path, n);
  memcpy(joined + n, suffix, more);
  return joined;
}

mkt_code mkt_sqlite_identity_take(mkt_sqlite_identity *identity, const char *path, const char *real,
                                  mkt_error *error) {
  for (int i = 0; i < MKT_SQLITE_FILES; i++) {
    mkt_sqlite_file *file = &identity->files[i];
    file->path = join(i == MKT_SQLITE_MAIN ? path : real, suffixes[i]);
    if (file->path == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
    struct stat found;
    if (stat(file->path, &found) != 0 && errno == ENOENT && i != MKT_SQLITE_MAIN) {
      return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "%.150s was removed while it was open",
                      file->path);
    }
    if (stat(file->path, &found) != 0) {
      return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "%.150s: %s", file->path, strerror(errno));
    }
    file->device = found.st_dev;
    file->number = found.st_ino;
  }
  return MKT_OK;
}

mkt_sqlite_presence mkt_sqlite_identity_look(const mkt_sqlite_identity *identity, int which) {
  const mkt_sqlite_file *file = &identity->files[which];
  struct stat found;
  if (file->path == NULL) return MKT_SQLITE_OTHER;
  if (stat(file->path, &found) != 0) return errno == ENOENT ? MKT_SQLITE_GONE : MKT_SQLITE_OTHER;
  bool is_same = found.st_dev == file->device && found.st_ino == file->number;
  return is_same ? MKT_SQLITE_SAME : MKT_SQLITE_OTHER;
}

static mkt_code refuse(const mkt_sqlite_identity *identity, int which, mkt_sqlite_presence presence,
                       const char *name, mkt_error *error) {
  struct stat found;
  if (presence == MKT_SQLITE_OTHER && stat(identity->files[which].path, &found) != 0) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "cannot look at %s%s: %s", name,
                    suffixes[which], strerror(errno));
  }
  if (presence == MKT_SQLITE_OTHER) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                    "another file took the place of %s%s while it was open", name, suffixes[which]);
  }
  if (which == MKT_SQLITE_MAIN) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE,
                    "%s is gone: put it back, or restart to begin a new one", name);
  }
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "%s%s was removed while it was open", name,
                  suffixes[which]);
}

mkt_code mkt_sqlite_identity_check(const mkt_sqlite_identity *identity, const char *name,
                                   mkt_error *error) {
  for (int i = 0; i < MKT_SQLITE_FILES; i++) {
    mkt_sqlite_presence presence = mkt_sqlite_identity_look(identity, i);
    if (presence != MKT_SQLITE_SAME) return refuse(identity, i, presence, name, error);
  }
  return MKT_OK;
}

void mkt_sqlite_identity_free(mkt_sqlite_identity *identity) {
  for (int i = 0; i < MKT_SQLITE_FILES; i++)
    mkt_free(identity->files[i].path);
  *identity = (mkt_sqlite_identity){0};
}
