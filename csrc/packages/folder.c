#define _FILE_OFFSET_BITS 64 /* NOLINT(bugprone-reserved-identifier) */

#include "packages/folder.h"

#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MOST_DEPTH = 32 };

mkt_code mkt_package_fail(mkt_error *error, const char *path, const char *what, int why) {
  mkt_code code = why == EEXIST || why == ENOTEMPTY ? MKT_ERR_FILE_EXISTS
                  : why == ENOENT                   ? MKT_ERR_FILE_MISSING
                  : why == ENOSPC || why == EDQUOT  ? MKT_ERR_DISK_FULL
                                                    : MKT_ERR_FILE_FAILED;
  return mkt_fail(error, code, "%.150s: %s: %s", path, what, strerror(why));
}

/* ---- The folder that a path lies in ---- */

/* False if the path is too long. */
static bool parent_of(const char *path, char parent[PATH_MAX]) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/')
    n--;
  while (n > 0 && path[n - 1] != '/')
    n--;
  while (n > 1 && path[n - 1] == '/')
    n--;
  if (n >= PATH_MAX) return false;
  memcpy(parent, n > 0 ? path : ".", n > 0 ? n : 1);
  parent[n > 0 ? n : 1] = '\0';
  return true;
}

static mkt_code sync_parent(const char *path, mkt_error *error) {
  char parent[PATH_MAX];
  if (!parent_of(path, parent)) return mkt_package_fail(error, path, "its folder", ENAMETOOLONG);
  return mkt_file_sync(parent, error);
}

/* ---- Names ---- */

mkt_code mkt_package_link(const char *from, const char *to, mkt_error *error) {
  struct stat file;
  if (lstat(from, &file) != 0) {
    return mkt_package_fail(error, from, "it cannot be linked", errno);
  }
  if (!S_ISREG(file.st_mode)) {
    return mkt_fail(error, MKT_ERR_FILE_FAILED, "%.150s: it is not a regular file", from);
  }
  if (link(from, to) != 0) return mkt_package_fail(error, to, "it cannot be made a link", errno);
  return sync_parent(to, error);
}

/* Some file systems cannot do both at once; there, whoever else made `to` in between would be
 * replaced. */
static int rename_unless_there(const char *from, const char *to) {
  struct stat there;
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (lstat(to, &there) == 0) return EEXIST;
  return rename(from, to) == 0 ? 0 : errno;
}

mkt_code mkt_package_rename(const char *from, const char *to, mkt_error *error) {
  int why = rename_unless_there(from, to);
  if (why == EEXIST) return mkt_package_fail(error, to, "it cannot be replaced", why);
  if (why != 0) return mkt_package_fail(error, from, "it cannot be moved", why);
  mkt_code code = sync_parent(to, error);
  return code == MKT_OK ? sync_parent(from, error) : code;
}

/* ---- Making ---- */

/* What nobody else makes: a folder that has it is one whose maker was killed before it could set
 * its mode, for which the umask cannot be relied on. */
static const mode_t unfinished = S_ISVTX | S_IRWXU;

static bool is_unfinished(const struct stat *folder) {
  const mode_t bits = S_ISVTX | S_IRWXU | S_IRWXG | S_IRWXO;
  return (folder->st_mode & bits) == unfinished && folder->st_uid == geteuid();
}

static mkt_code make_one(const char *path, mode_t mode, mkt_error *error) {
  struct stat there;
  int why = mkdir(path, unfinished) == 0 ? 0 : errno;
  bool is_there = why == EEXIST && stat(path, &there) == 0 && S_ISDIR(there.st_mode);
  if (is_there && !is_unfinished(&there)) return MKT_OK;
  if (why != 0 && !is_there) {
    return mkt_package_fail(error, path, "it cannot be made a folder", why);
  }
  if (chmod(path, mode) != 0) return mkt_package_fail(error, path, "its mode", errno);
  return sync_parent(path, error);
}

mkt_code mkt_package_make_folders(const char *path, mode_t mode, mkt_error *error) {
  char part[PATH_MAX];
  size_t n = strlen(path);
  if (n >= sizeof part) return mkt_package_fail(error, path, "it cannot be made", ENAMETOOLONG);
  memcpy(part, path, n + 1);
  for (size_t i = 1; i < n; i++) {
    if (part[i] != '/' || part[i - 1] == '/') continue;
    part[i] = '\0';
    mkt_code code = make_one(part, mode, error);
    if (code != MKT_OK) return code;
    part[i] = '/';
  }
  return make_one(part, mode, error);
}

/* ---- Removing ---- */

static int remove_in(int folder, const char *name, int depth);

static int remove_entries(DIR *folder, int depth) {
  int why = 0;
  errno = 0;
  for (const struct dirent *e = readdir(folder); e != NULL && why == 0; e = readdir(folder)) {
    bool is_itself = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (!is_itself) why = remove_in(dirfd(folder), e->d_name, depth);
    errno = 0;
  }
  return why != 0 ? why : errno;
}

static int empty(int fd, int depth) {
  DIR *folder = depth < MOST_DEPTH ? fdopendir(fd) : NULL;
  if (folder == NULL) {
    int why = depth < MOST_DEPTH ? errno : ELOOP;
    (void)close(fd);
    return why;
  }
  int why = remove_entries(folder, depth + 1);
  (void)closedir(folder);
  return why;
}

/* errno, or 0. */
static int remove_in(int folder, const char *name, int depth) {
  if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  int not_a_file = errno;
  int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOTDIR ? not_a_file : errno;
  int why = empty(fd, depth);
  if (why != 0) return why;
  return unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

mkt_code mkt_package_remove_tree(const char *path, mkt_error *error) {
  struct stat there;
  if (lstat(path, &there) != 0 && errno == ENOENT) return MKT_OK;
  int why = remove_in(AT_FDCWD, path, 0);
  if (why != 0) return mkt_package_fail(error, path, "it cannot be removed", why);
  return sync_parent(path, error);
}

mkt_code mkt_package_disk_free(const char *path, uint64_t *bytes, mkt_error *error) {
  struct statvfs disk;
  if (statvfs(path, &disk) != 0) {
    return mkt_package_fail(error, path, "its disk cannot be looked at", errno);
  }
  *bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
  return MKT_OK;
}
