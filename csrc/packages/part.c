#define _FILE_OFFSET_BITS 64 /* NOLINT(bugprone-reserved-identifier) */

#include "packages/part.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

static mkt_code fail(mkt_error *error, const mkt_package_part *part, const char *what, int why) {
  mkt_code code = why == ENOSPC || why == EDQUOT ? MKT_ERR_DISK_FULL : MKT_ERR_FILE_FAILED;
  return mkt_fail(error, code, "%.150s: %s: %s", part->path, what, strerror(why));
}

static mkt_code fail_to_look(mkt_error *error, const mkt_package_part *part) {
  return fail(error, part, "it cannot be looked at", errno);
}

static int allocate(const mkt_package_part *part) {
  int outcome;
  do { /* the file's size stays what was written, so that a crash does not hide that */
    outcome = fallocate(part->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)part->size);
  } while (outcome != 0 && errno == EINTR);
  return outcome == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;
}

static mkt_code reserve(const mkt_package_part *part, mkt_error *error) {
  int why = part->size > 0 ? allocate(part) : 0;
  if (why == 0) return MKT_OK;
  struct stat file;
  /* what could be had would stay taken */
  if (fstat(part->fd, &file) == 0) (void)!ftruncate(part->fd, file.st_size);
  return fail(error, part, "there is no room for it", why);
}

static mkt_code check(const mkt_package_part *part, mkt_error *error) {
  struct stat file;
  if (fstat(part->fd, &file) != 0) return fail_to_look(error, part);
  if (!S_ISREG(file.st_mode)) {
    return mkt_fail(error, MKT_ERR_FILE_FAILED, "%.150s: it is not a regular file", part->path);
  }
  if (file.st_nlink > 1) {
    return mkt_fail(error, MKT_ERR_FILE_FAILED,
                    "%.150s: it has another name too, under which it may be in use", part->path);
  }
  return MKT_OK;
}

static mkt_code prepare(const mkt_package_part *part, bool keeps, mkt_error *error) {
  mkt_code code = check(part, error);
  if (code != MKT_OK) return code;
  if (fchmod(part->fd, MODE) != 0) return fail(error, part, "its mode cannot be set", errno);
  if (!keeps && ftruncate(part->fd, 0) != 0) {
    return fail(error, part, "it cannot be emptied", errno);
  }
  return reserve(part, error);
}

mkt_code mkt_package_part_open(mkt_package_part *part, bool keeps, mkt_error *error) {
  part->fd =
      open(part->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, MODE);
  if (part->fd < 0) return fail(error, part, "it cannot be opened", errno);
  mkt_code code = prepare(part, keeps, error);
  if (code != MKT_OK) mkt_package_part_close(part);
  return code;
}

mkt_code mkt_package_part_written(const mkt_package_part *part, uint64_t *written,
                                  mkt_error *error) {
  struct stat file;
  if (fstat(part->fd, &file) != 0) return fail_to_look(error, part);
  off_t gap = lseek(part->fd, 0, SEEK_HOLE);
  /* an empty file has none, and some file systems do not know */
  uint64_t there = gap >= 0 && gap < file.st_size ? (uint64_t)gap : (uint64_t)file.st_size;
  *written = there < part->size ? there : part->size;
  return MKT_OK;
}

mkt_code mkt_package_part_write(const mkt_package_part *part, uint64_t at, const void *p, size_t n,
                                mkt_error *error) {
  const char *bytes = p;
  while (n > 0) {
    ssize_t written = pwrite(part->fd, bytes, n, (off_t)at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(error, part, "it cannot be written", errno);
    bytes += written;
    at += (uint64_t)written;
    n -= (size_t)written;
  }
  return MKT_OK;
}

ptrdiff_t mkt_package_part_read(const mkt_package_part *part, uint64_t at, void *p, size_t n,
                                mkt_error *error) {
  size_t done = 0;
  while (done < n) {
    ssize_t got = pread(part->fd, (char *)p + done, n - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      (void)fail(error, part, "it cannot be read", errno);
      return -1;
    }
    if (got == 0) break;
    done += (size_t)got;
  }
  return (ptrdiff_t)done;
}

mkt_code mkt_package_part_cut(const mkt_package_part *part, uint64_t at, mkt_error *error) {
  struct stat file;
  if (fstat(part->fd, &file) != 0) return fail_to_look(error, part);
  if ((uint64_t)file.st_size == at) return MKT_OK;
  if (ftruncate(part->fd, (off_t)at) != 0) return fail(error, part, "it cannot be cut", errno);
  return reserve(part, error);
}

mkt_code mkt_package_part_sync(const mkt_package_part *part, mkt_error *error) {
  return fsync(part->fd) == 0 ? MKT_OK : fail(error, part, "it cannot be synced", errno);
}

void mkt_package_part_close(mkt_package_part *part) {
  if (part->fd >= 0) (void)close(part->fd);
  part->fd = -1;
}
