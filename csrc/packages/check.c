#define _FILE_OFFSET_BITS 64 /* NOLINT(bugprone-reserved-identifier) */

#include "packages/check.h"

#include "core/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Little enough to stay in the processor's cache until it is hashed. */
enum { BLOCK = 262144 };

static mkt_code fail_to_open(mkt_error *error, const char *path, int why) {
  mkt_code code = why == ENOENT ? MKT_ERR_FILE_MISSING : MKT_ERR_FILE_FAILED;
  return mkt_fail(error, code, "%.150s: it cannot be opened: %s", path, strerror(why));
}

static mkt_code fail_for_size(mkt_error *error, const char *path, uint64_t is, uint64_t wanted) {
  return mkt_fail(error, MKT_ERR_ASSET_SIZE, "%.150s: it has %llu bytes, not %llu", path,
                  (unsigned long long)is, (unsigned long long)wanted);
}

static mkt_code open_file(mkt_package_check *c, uint64_t size, mkt_error *error) {
  struct stat file;
  c->file.fd = open(c->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (c->file.fd < 0) return fail_to_open(error, c->path, errno);
  if (fstat(c->file.fd, &file) != 0) return fail_to_open(error, c->path, errno);
  if (!S_ISREG(file.st_mode)) {
    return mkt_fail(error, MKT_ERR_FILE_FAILED, "%.150s: it is not a regular file", c->path);
  }
  if ((uint64_t)file.st_size != size) {
    return fail_for_size(error, c->path, (uint64_t)file.st_size, size);
  }
  (void)posix_fadvise(c->file.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return MKT_OK;
}

static mkt_code prepare(mkt_package_check *c, const char *path, const mkt_package_wanted *wanted,
                        mkt_error *error) {
  c->block = mkt_alloc(BLOCK);
  if (c->block == NULL || !mkt_alloc_copy(&c->path, path)) {
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  }
  c->file.path = c->path;
  mkt_code code = open_file(c, wanted->size, error);
  return code == MKT_OK ? mkt_package_digests_init(&c->digests, wanted, c->path, error) : code;
}

mkt_code mkt_package_check_open(mkt_package_check *c, const char *path,
                                const mkt_package_wanted *wanted, mkt_error *error) {
  *c = (mkt_package_check){.is_open = true, .file.fd = -1};
  mkt_code code = prepare(c, path, wanted, error);
  if (code != MKT_OK) mkt_package_check_close(c);
  return code;
}

mkt_code mkt_package_check_step(mkt_package_check *c, uint64_t bytes, bool *done,
                                mkt_error *error) {
  uint64_t size = c->digests.wanted.size;
  uint64_t left = size - c->digests.at;
  if (bytes < left) left = bytes;
  while (left > 0) {
    size_t n = left < BLOCK ? (size_t)left : BLOCK;
    ptrdiff_t got = mkt_package_part_read(&c->file, c->digests.at, c->block, n, error);
    if (got < 0) return MKT_ERR_FILE_FAILED;
    if ((size_t)got < n) return fail_for_size(error, c->path, c->digests.at + (size_t)got, size);
    mkt_code code = mkt_package_digests_add(&c->digests, c->block, n, error);
    if (code != MKT_OK) return code;
    left -= n;
  }
  *done = c->digests.at == size;
  return MKT_OK;
}

mkt_code mkt_package_check_result(mkt_package_check *c, mkt_package_found *found,
                                  mkt_error *error) {
  return mkt_package_digests_end(&c->digests, found, error);
}

void mkt_package_check_close(mkt_package_check *c) {
  if (!c->is_open) return;
  c->is_open = false;
  mkt_package_part_close(&c->file);
  mkt_package_digests_clear(&c->digests);
  mkt_free(c->block);
  mkt_free(c->path);
  c->block = NULL;
  c->path = NULL;
}
