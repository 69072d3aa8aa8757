/* numbers of holders are offsets, also on machines with pointers of 32 bits */
#define _FILE_OFFSET_BITS 64 /* NOLINT(bugprone-reserved-identifier) */

#include "sqlite/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANDOM_BITS = 64, NUMBER_BITS = 53, MOST_TRIES = 10 };

#define OWNERS_ALONE (S_IRUSR | S_IWUSR)

/* A pipe in the file's place must not keep the process waiting. */
#define HOW_TO_OPEN (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

static mkt_code fail(mkt_error *error, const char *path, const char *what, int why) {
  return mkt_fail(error, MKT_ERR_FILE_FAILED, "%.150s: %s: %s", path, what, strerror(why));
}

static bool means_unsupported(int why) {
  return why == EINVAL || why == ENOLCK || why == ENOSYS || why == EOPNOTSUPP;
}

static mkt_code fail_to_lock(mkt_error *error, const char *path, int why) {
  if (!means_unsupported(why)) return fail(error, path, "it cannot be locked", why);
  return mkt_fail(
      error, MKT_ERR_LOCKS_UNSUPPORTED,
      "%.150s: its file system has no locks of open files (F_OFD_SETLK), as ext4 and XFS have: %s",
      path, strerror(why));
}

/* The descriptor of a file that was not there, or -1. */
static int make_file(const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | HOW_TO_OPEN, OWNERS_ALONE);
  if (fd < 0 || fchmod(fd, OWNERS_ALONE) == 0) return fd;
  int why = errno;
  (void)close(fd);
  errno = why;
  return -1;
}

static int open_or_make(const char *path) {
  int fd = open(path, O_RDWR | HOW_TO_OPEN);
  if (fd >= 0 || errno != ENOENT) return fd;
  fd = make_file(path);
  if (fd >= 0 || errno != EEXIST) return fd;
  return open(path, O_RDWR | HOW_TO_OPEN); /* another process was faster */
}

mkt_code mkt_sqlite_holders_make(const char *path, mkt_error *error) {
  int fd = open_or_make(path);
  if (fd < 0) return fail(error, path, "it cannot be opened", errno);
  (void)close(fd);
  return MKT_OK;
}

/* A random number from 1 to 2^53 - 1, or 0. */
static int64_t draw(void) {
  uint64_t number = 0;
  while (number == 0) {
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) return 0;
    number >>= RANDOM_BITS - NUMBER_BITS;
  }
  return (int64_t)number;
}

static struct flock byte_at(int64_t number) {
  return (struct flock){
      .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)number, .l_len = 1};
}

static mkt_code lock_a_byte(int fd, int64_t *number, const char *path, mkt_error *error) {
  for (int i = 0; i < MOST_TRIES; i++) {
    *number = draw();
    if (*number == 0) return fail(error, path, "no random number can be drawn for it", errno);
    struct flock byte = byte_at(*number);
    if (fcntl(fd, F_OFD_SETLK, &byte) == 0) return MKT_OK;
    if (errno != EAGAIN && errno != EACCES) return fail_to_lock(error, path, errno);
  }
  return mkt_fail(error, MKT_ERR_LOCKED, "%.150s: another program has locked it", path);
}

mkt_code mkt_sqlite_holder_open(mkt_sqlite_holder *holder, const char *path, mkt_error *error) {
  int fd = open_or_make(path);
  if (fd < 0) return fail(error, path, "it cannot be opened", errno);
  int64_t number;
  mkt_code code = lock_a_byte(fd, &number, path, error);
  if (code == MKT_OK) {
    *holder = (mkt_sqlite_holder){.number = number, .pid = getpid(), .fd = fd};
  } else {
    (void)close(fd);
  }
  return code;
}

int64_t mkt_sqlite_holder_number(const mkt_sqlite_holder *holder) {
  return holder->pid == getpid() ? holder->number : 0;
}

void mkt_sqlite_holder_close(mkt_sqlite_holder *holder) {
  if (holder->number == 0) return;
  holder->number = 0;
  /* not unlocked: in a forked child that would take the lock from its parent */
  (void)close(holder->fd);
}

mkt_code mkt_sqlite_is_held(const char *path, int64_t number, bool *held, mkt_error *error) {
  int fd = open(path, O_RDONLY | HOW_TO_OPEN);
  if (fd < 0 && errno == ENOENT) {
    return mkt_fail(error, MKT_ERR_FILE_MISSING, "%.150s: %s", path, strerror(ENOENT));
  }
  if (fd < 0) return fail(error, path, "it cannot be opened", errno);
  struct flock byte = byte_at(number);
  int why = fcntl(fd, F_OFD_GETLK, &byte) == 0 ? 0 : errno;
  (void)close(fd);
  if (why != 0) return fail_to_lock(error, path, why);
  *held = byte.l_type != F_UNLCK;
  return MKT_OK;
}
