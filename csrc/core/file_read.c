#include "file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 16384 };

ssize_t mkt_read_fully(int fd, char *p, size_t n) {
  size_t done = 0;
  while (done < n) {
    ssize_t got = read(fd, p + done, n - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += (size_t)got;
  }
  return (ssize_t)done;
}

static mkt_code fail(mkt_error *error, const char *path, int why) {
  mkt_code code = why == ENOENT ? MKT_ERR_FILE_MISSING : MKT_ERR_FILE_FAILED;
  return mkt_fail(error, code, "%.150s: %s", path, strerror(why));
}

static mkt_code fail_to_append(mkt_error *error, const char *path, mkt_code code, size_t most) {
  if (code != MKT_ERR_TOO_LARGE) return mkt_fail(error, code, NULL);
  return mkt_fail(error, code, "%.150s: it is larger than %zu bytes", path, most);
}

static mkt_code read_all(int fd, const char *path, mkt_buffer *bytes, mkt_error *error) {
  char chunk[CHUNK];
  ssize_t got;
  mkt_code code = MKT_OK;
  do {
    got = mkt_read_fully(fd, chunk, sizeof chunk);
    if (got > 0) code = mkt_buffer_append(bytes, chunk, (size_t)got);
  } while (code == MKT_OK && got == CHUNK);
  int why = errno;
  OPENSSL_cleanse(chunk, sizeof chunk); /* it may have been a secret */
  if (got < 0) return fail(error, path, why);
  return code == MKT_OK ? MKT_OK : fail_to_append(error, path, code, bytes->maximum);
}

mkt_code mkt_file_read(const char *path, mkt_buffer *bytes, mkt_error *error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(error, path, errno);
  mkt_code code = read_all(fd, path, bytes, error);
  (void)close(fd);
  return code;
}
