#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_NAME_BYTES = 48, MOST_TRIES = 100 };

/* Where a file is: its folder, open, and its name in there. */
typedef struct place {
  int folder;
  char name[NAME_MAX + 1];
} place;

static mkt_code fail(mkt_error *error, const char *path, const char *what, int why) {
  return mkt_fail(error, MKT_ERR_FILE_FAILED, "%.150s: %s: %s", path, what, strerror(why));
}

/* ---- Where it is ---- */

static mkt_code open_folder(place *where, const char *path, const char *shown, mkt_error *error) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  size_t folder_n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
  if (strlen(name) > NAME_MAX || folder_n >= sizeof folder) {
    return fail(error, shown, "it cannot be written", ENAMETOOLONG);
  }
  if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
    return fail(error, shown, "it cannot be written", EISDIR);
  }
  memcpy(folder, path, folder_n);
  folder[folder_n] = '\0';
  where->folder = open(folder_n > 0 ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (where->folder < 0) return fail(error, shown, "its folder cannot be opened", errno);
  memcpy(where->name, name, strlen(name) + 1);
  return MKT_OK;
}

static mkt_code find_place(place *where, const char *path, mkt_file_how how, mkt_error *error) {
  char resolved[PATH_MAX];
  struct stat link;
  if (how == MKT_FILE_REPLACE) {
    if (realpath(path, resolved) != NULL) return open_folder(where, resolved, path, error);
    if (errno != ENOENT) return fail(error, path, "it cannot be written", errno);
    if (lstat(path, &link) == 0) return fail(error, path, "the link names nothing", ENOENT);
  }
  return open_folder(where, path, path, error);
}

/* ---- The temporary file ---- */

static int open_temporary(const place *where, char name[TEMPORARY_NAME_BYTES]) {
  for (int i = 0; i < MOST_TRIES; i++) {
    unsigned char random[8];
    if (RAND_bytes(random, sizeof random) != 1) break;
    unsigned long long number;
    memcpy(&number, random, sizeof number);
    (void)snprintf(name, TEMPORARY_NAME_BYTES, ".marketplace-%016llx.tmp", number);
    int fd = openat(where->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  errno = EEXIST;
  return -1;
}

static bool write_all(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t written = write(fd, p, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    p += written;
    n -= (size_t)written;
  }
  return true;
}

/* As the file that it replaces. The owner comes first: the mode could open it to the wrong group.
 */
static bool take_after(int fd, const struct stat *old) {
  struct stat now;
  if (fstat(fd, &now) != 0) return false;
  bool same_owner = now.st_uid == old->st_uid && now.st_gid == old->st_gid;
  if (!same_owner && fchown(fd, old->st_uid, old->st_gid) != 0) return false;
  return fchmod(fd, old->st_mode & 07777) == 0;
}

/* What went wrong, or NULL; errno says why. */
static const char *fill(int fd, const char *p, size_t n, const struct stat *old) {
  if (!write_all(fd, p, n)) return "it cannot be written";
  if (old != NULL && !take_after(fd, old)) return "its owner and mode cannot be kept";
  if (fsync(fd) != 0) return "it cannot be synced";
  return NULL;
}

/* ---- Into its place ---- */

/* Some file systems have no folder to sync, and say so. */
static bool sync_folder(int folder) {
  return fsync(folder) == 0 || errno == EINVAL || errno == ENOTSUP;
}

static bool put_in_place(const place *where, const char *temporary, mkt_file_how how) {
  if (how == MKT_FILE_REPLACE) {
    return renameat(where->folder, temporary, where->folder, where->name) == 0;
  }
  if (linkat(where->folder, temporary, where->folder, where->name, 0) != 0) return false;
  (void)unlinkat(where->folder, temporary, 0);
  return true;
}

static mkt_code fail_to_place(const char *path, int why, mkt_error *error) {
  if (why == EEXIST) {
    return mkt_fail(error, MKT_ERR_FILE_EXISTS, "%s: it exists already", path);
  }
  return fail(error, path, "it cannot be put in its place", why);
}

static mkt_code write_in(const place *where, const char *path, const char *p, size_t n,
                         mkt_file_how how, const struct stat *old, mkt_error *error) {
  char temporary[TEMPORARY_NAME_BYTES];
  int fd = open_temporary(where, temporary);
  if (fd < 0) return fail(error, path, "a file beside it cannot be made", errno);
  const char *problem = fill(fd, p, n, old);
  int why = errno;
  if (close(fd) != 0 && problem == NULL) {
    problem = "it cannot be written";
    why = errno;
  }
  if (problem != NULL) {
    (void)unlinkat(where->folder, temporary, 0);
    return fail(error, path, problem, why);
  }
  if (!put_in_place(where, temporary, how)) {
    why = errno;
    (void)unlinkat(where->folder, temporary, 0);
    return fail_to_place(path, why, error);
  }
  if (sync_folder(where->folder)) return MKT_OK;
  return fail(error, path, "it was written, but its folder cannot be synced", errno);
}

static mkt_code replace_in(const place *where, const char *path, const char *p, size_t n,
                           mkt_file_how how, mkt_error *error) {
  struct stat old;
  bool exists = fstatat(where->folder, where->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (!exists && errno != ENOENT) return fail(error, path, "it cannot be looked at", errno);
  if (exists && how == MKT_FILE_NEW) return fail_to_place(path, EEXIST, error);
  if (exists && !S_ISREG(old.st_mode)) {
    return mkt_fail(error, MKT_ERR_FILE_FAILED, "%s: it is not a regular file", path);
  }
  return write_in(where, path, p, n, how, exists ? &old : NULL, error);
}

mkt_code mkt_file_replace(const char *path, const char *p, size_t n, mkt_file_how how,
                          mkt_error *error) {
  place where;
  mkt_code code = find_place(&where, path, how, error);
  if (code != MKT_OK) return code;
  code = replace_in(&where, path, p, n, how, error);
  (void)close(where.folder);
  return code;
}

/* ---- Locks ---- */

/* The last holder may have removed the file, and the next one made another. */
static bool is_still_there(int fd, const char *path) {
  struct stat held;
  struct stat named;
  return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

mkt_code mkt_file_lock_take(mkt_file_lock *lock, const char *path, mkt_error *error) {
  for (int i = 0; i < MOST_TRIES; i++) {
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) return fail(error, path, "the lock cannot be opened", errno);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      int why = errno;
      (void)close(fd);
      if (why != EWOULDBLOCK) return fail(error, path, "it cannot be locked", why);
      return mkt_fail(error, MKT_ERR_LOCKED, "%s: another process holds this lock", path);
    }
    if (is_still_there(fd, path)) {
      *lock = (mkt_file_lock){.held = true, .fd = fd};
      return MKT_OK;
    }
    (void)close(fd);
  }
  return mkt_fail(error, MKT_ERR_LOCKED, "%s: it changes hands too often", path);
}

void mkt_file_unlock(mkt_file_lock *lock) {
  if (!lock->held) return;
  lock->held = false;
  /* closed, not unlocked: LOCK_UN in a forked child would take the lock from its parent too */
  (void)close(lock->fd);
}
