#include "file.h"

#include <dirent.h>
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

/* A temporary file beside NAME is .NAME.<16 hex digits>.tmp; of a NAME that is too long for that,
 * the beginning. */
enum { RANDOM_DIGITS = 16, AROUND_NAME = 1 + 1 + RANDOM_DIGITS + 4, MOST_TRIES = 100 };
#define NAME_PART (NAME_MAX - AROUND_NAME)

/* Where a file is: its folder, open, and its name in there. */
typedef struct place {
  int folder;
  char name[NAME_MAX + 1];
} place;

/* What is to be written, and how. */
typedef struct order {
  const char *path; /* as it was given, for messages */
  const char *p;
  size_t n;
  mkt_file_how how;
  mode_t mode;
  const struct stat *old; /* whose owner and mode are kept; NULL: the caller's own, with `mode` */
  mkt_file_lock *lock;    /* NULL: none is wanted */
} order;

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

/* What a symbolic link names, if there is one. */
static mkt_code follow_to_place(place *where, const char *path, mkt_error *error) {
  char resolved[PATH_MAX];
  struct stat link;
  if (realpath(path, resolved) != NULL) return open_folder(where, resolved, path, error);
  if (errno != ENOENT) return fail(error, path, "it cannot be written", errno);
  if (lstat(path, &link) == 0) return fail(error, path, "the link names nothing", ENOENT);
  return open_folder(where, path, path, error);
}

/* ---- The temporary file ---- */

static int open_temporary(const place *where, char name[NAME_MAX + 1]) {
  for (int i = 0; i < MOST_TRIES; i++) {
    unsigned char random[8];
    if (RAND_bytes(random, sizeof random) != 1) break;
    unsigned long long number;
    memcpy(&number, random, sizeof number);
    (void)snprintf(name, NAME_MAX + 1, ".%.*s.%016llx.tmp", NAME_PART, where->name, number);
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

static bool take_owner(int fd, const struct stat *old) {
  struct stat now;
  if (fstat(fd, &now) != 0) return false;
  bool same_owner = now.st_uid == old->st_uid && now.st_gid == old->st_gid;
  return same_owner || fchown(fd, old->st_uid, old->st_gid) == 0;
}

/* What went wrong, or NULL; errno says why. The mode comes last, so that what a killed process
 * leaves is its owner's alone, and after the owner: it could open the file to the wrong group. */
static const char *fill(int fd, const order *wanted) {
  if (!write_all(fd, wanted->p, wanted->n)) return "it cannot be written";
  if (wanted->old != NULL && !take_owner(fd, wanted->old)) return "its owner cannot be kept";
  if (wanted->lock != NULL && flock(fd, LOCK_EX | LOCK_NB) != 0) return "it cannot be locked";
  if (fsync(fd) != 0) return "it cannot be synced";
  mode_t mode = wanted->old != NULL ? wanted->old->st_mode & 07777 : wanted->mode;
  if (mode == (S_IRUSR | S_IWUSR)) return NULL;
  if (fchmod(fd, mode) != 0) return "its mode cannot be kept";
  return fsync(fd) == 0 ? NULL : "it cannot be synced";
}

/* ---- Into its place ---- */

/* Some file systems have no folder to sync, and say so. */
static bool sync_folder(int folder) {
  return fsync(folder) == 0 || errno == EINVAL || errno == ENOTSUP;
}

static mkt_code sync_renamed(const place *where, const char *path, mkt_error *error) {
  if (sync_folder(where->folder)) return MKT_OK;
  return fail(error, path, "it was written, but its folder cannot be synced", errno);
}

static bool rename_or_link(const place *where, const char *temporary, mkt_file_how how) {
  if (how == MKT_FILE_REPLACE) {
    return renameat(where->folder, temporary, where->folder, where->name) == 0;
  }
  if (linkat(where->folder, temporary, where->folder, where->name, 0) != 0) return false;
  (void)unlinkat(where->folder, temporary, 0);
  return true;
}

static mkt_code fail_to_place(const char *path, int why, mkt_error *error) {
  if (why == EEXIST) {
    return mkt_fail(error, MKT_ERR_FILE_EXISTS, "%.150s: it exists already", path);
  }
  return fail(error, path, "it cannot be put in its place", why);
}

/* The file's descriptor, which a lock is kept by, or -1. */
static int write_temporary(const place *where, const order *wanted, char temporary[NAME_MAX + 1],
                           mkt_error *error) {
  int fd = open_temporary(where, temporary);
  if (fd < 0) {
    (void)fail(error, wanted->path, "a file beside it cannot be made", errno);
    return -1;
  }
  const char *problem = fill(fd, wanted);
  if (problem == NULL) return fd;
  (void)fail(error, wanted->path, problem, errno);
  (void)close(fd);
  (void)unlinkat(where->folder, temporary, 0);
  return -1;
}

static mkt_code write_in(const place *where, const order *wanted, mkt_error *error) {
  char temporary[NAME_MAX + 1];
  int fd = write_temporary(where, wanted, temporary, error);
  if (fd < 0) return MKT_ERR_FILE_FAILED;
  if (wanted->lock == NULL && close(fd) != 0) {
    int why = errno;
    (void)unlinkat(where->folder, temporary, 0);
    return fail(error, wanted->path, "it cannot be written", why);
  }
  if (!rename_or_link(where, temporary, wanted->how)) {
    int why = errno;
    (void)unlinkat(where->folder, temporary, 0);
    if (wanted->lock != NULL) (void)close(fd);
    return fail_to_place(wanted->path, why, error);
  }
  if (wanted->lock != NULL) *wanted->lock = (mkt_file_lock){.held = true, .fd = fd};
  return sync_renamed(where, wanted->path, error);
}

static mkt_code replace_in(const place *where, order *wanted, mkt_error *error) {
  struct stat old;
  bool exists = fstatat(where->folder, where->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (!exists && errno != ENOENT) return fail(error, wanted->path, "it cannot be looked at", errno);
  if (exists && wanted->how == MKT_FILE_NEW) return fail_to_place(wanted->path, EEXIST, error);
  if (exists && !S_ISREG(old.st_mode)) {
    return mkt_fail(error, MKT_ERR_FILE_FAILED, "%.150s: it is %s", wanted->path,
                    S_ISLNK(old.st_mode)
                        ? "a symbolic link, which is not followed: remove it, or name another file"
                        : "not a regular file");
  }
  /* with a lock it is another process's file that is replaced, and this one's own is made */
  wanted->old = exists && wanted->lock == NULL ? &old : NULL;
  mkt_code code = write_in(where, wanted, error);
  wanted->old = NULL;
  return code;
}

static mkt_code carry_out(order *wanted, mkt_error *error) {
  place where = {.folder = -1};
  bool follows = wanted->how == MKT_FILE_REPLACE && wanted->lock == NULL;
  mkt_code code = follows ? follow_to_place(&where, wanted->path, error)
                          : open_folder(&where, wanted->path, wanted->path, error);
  if (code != MKT_OK) return code;
  code = replace_in(&where, wanted, error);
  (void)close(where.folder);
  return code;
}

mkt_code mkt_file_replace(const char *path, const char *p, size_t n, mkt_file_how how,
                          mkt_error *error) {
  order wanted = {.path = path, .p = p, .n = n, .how = how, .mode = S_IRUSR | S_IWUSR};
  return carry_out(&wanted, error);
}

mkt_code mkt_file_sync(const char *path, mkt_error *error) {
  struct stat file;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fail(error, path, "it cannot be opened", errno);
  bool is_folder = fstat(fd, &file) == 0 && S_ISDIR(file.st_mode);
  int why = (is_folder ? sync_folder(fd) : fsync(fd) == 0) ? 0 : errno;
  (void)close(fd);
  return why == 0 ? MKT_OK : fail(error, path, "it cannot be synced", why);
}

/* Gives what is at `to` a second name, and `from` its owner and mode. */
static mkt_code keep_old(const char *from, const char *to, const char *keep, mkt_error *error) {
  struct stat old, new;
  if (stat(to, &old) != 0) return fail(error, to, "it cannot be looked at", errno);
  bool same_owner = stat(from, &new) == 0 && new.st_uid == old.st_uid &&new.st_gid == old.st_gid;
  if (!same_owner && chown(from, old.st_uid, old.st_gid) != 0) {
    return fail(error, to, "its owner cannot be kept", errno);
  }
  if (chmod(from, old.st_mode & 07777) != 0) {
    return fail(error, to, "its mode cannot be kept", errno);
  }
  return link(to, keep) == 0 ? MKT_OK : fail(error, keep, "it cannot be made", errno);
}

static mkt_code put_in(const place *where, const char *from, const char *to, const char *keep,
                       mkt_error *error) {
  mkt_code code = keep != NULL ? keep_old(from, to, keep, error) : MKT_OK;
  if (code == MKT_OK) code = mkt_file_sync(from, error);
  if (code != MKT_OK) return code;
  if (rename(from, to) == 0) return sync_renamed(where, to, error);
  code = fail(error, to, "it cannot be put in its place", errno);
  if (keep != NULL) (void)unlink(keep);
  return code;
}

mkt_code mkt_file_put_in_place(const char *from, const char *to, const char *keep,
                               mkt_error *error) {
  place where = {.folder = -1};
  mkt_code code = open_folder(&where, to, to, error);
  if (code != MKT_OK) return code;
  code = put_in(&where, from, to, keep, error);
  (void)close(where.folder);
  return code;
}

/* ---- What killed processes left ---- */

static bool is_leftover(const char *name, const char *of) {
  size_t of_n = strlen(of);
  if (name[0] != '.' || strncmp(name + 1, of, of_n) != 0 || name[1 + of_n] != '.') return false;
  const char *random = name + of_n + 2;
  return strspn(random, "0123456789abcdef") == RANDOM_DIGITS &&
         strcmp(random + RANDOM_DIGITS, ".tmp") == 0;
}

static void remove_from(DIR *folder, const char *name) {
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    if (is_leftover(entry->d_name, name)) (void)unlinkat(dirfd(folder), entry->d_name, 0);
  }
}

mkt_code mkt_file_remove_leftovers(const char *path, mkt_error *error) {
  place where = {.folder = -1};
  mkt_code code = follow_to_place(&where, path, error);
  if (code != MKT_OK) return code;
  DIR *folder = fdopendir(where.folder);
  if (folder == NULL) {
    code = fail(error, path, "its folder cannot be read", errno);
    (void)close(where.folder);
    return code;
  }
  remove_from(folder, where.name);
  (void)closedir(folder);
  return MKT_OK;
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
      return mkt_fail(error, MKT_ERR_LOCKED, "%.150s: another process holds this lock", path);
    }
    if (is_still_there(fd, path)) {
      *lock = (mkt_file_lock){.held = true, .fd = fd};
      return MKT_OK;
    }
    (void)close(fd);
  }
  return mkt_fail(error, MKT_ERR_LOCKED, "%.150s: the lock changes hands too often", path);
}

mkt_code mkt_file_replace_locked(mkt_file_lock *lock, const char *path, const char *p, size_t n,
                                 mkt_error *error) {
  order wanted = {.path = path,
                  .p = p,
                  .n = n,
                  .how = MKT_FILE_REPLACE,
                  .mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH,
                  .lock = lock};
  mkt_code code = carry_out(&wanted, error);
  if (code != MKT_OK) mkt_file_unlock(lock);
  return code;
}

mkt_code mkt_file_is_locked(const char *path, bool *locked, mkt_error *error) {
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fail(error, path, "it cannot be opened", errno);
  *locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  (void)close(fd);
  return MKT_OK;
}

void mkt_file_unlock(mkt_file_lock *lock) {
  if (!lock->held) return;
  lock->held = false;
  /* closed, not unlocked: LOCK_UN in a forked child would take the lock from its parent too */
  (void)close(lock->fd);
}
