#include "key_file.h"

#include "alloc.h"
#include "file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

/* Room for one byte more than a key may have tells that the file is too large. */
enum { ROOM = MKT_PEM_KEY_MOST + 1 };

static mkt_code unreadable(mkt_error *error, const char *path, int reason) {
  return mkt_fail(error, MKT_ERR_KEY_INVALID, "the key file cannot be read: %.160s: %s", path,
                  strerror(reason));
}

static mkt_code read_key(struct evp_pkey_st **pkey, int fd, const char *path, mkt_error *error) {
  char *bytes = mkt_alloc(ROOM);
  if (bytes == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  ssize_t n = mkt_read_fully(fd, bytes, ROOM);
  mkt_code code = n < 0 ? unreadable(error, path, errno)
                        : mkt_pem_key_read(pkey, bytes, (size_t)n, true, error);
  OPENSSL_cleanse(bytes, ROOM);
  mkt_free(bytes);
  return code;
}

mkt_code mkt_key_file_read(struct evp_pkey_st **pkey, const char *path, mkt_error *error) {
  *pkey = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return unreadable(error, path, errno);
  mkt_code code = read_key(pkey, fd, path, error);
  (void)close(fd);
  return code;
}
