#include "packages/digests.h"

#include "core/alloc.h"
#include "core/hash.h"
#include "core/openssl_error.h"

#include <openssl/crypto.h>
#include <string.h>

static mkt_code fail_to_hash(mkt_error *error) {
  return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "hashing a file");
}

uint64_t mkt_package_chunks(uint64_t size, uint64_t chunk_size) {
  return chunk_size == 0 ? 0 : size / chunk_size + (size % chunk_size != 0);
}

static bool is_compared(const mkt_package_digests *d) {
  return d->chunks != NULL;
}

static bool is_one_chunk(const mkt_package_digests *d) {
  return is_compared(d) && mkt_package_chunks(d->wanted.size, d->wanted.chunk_size) == 1;
}

/* The digest of the only chunk is that of the whole too. */
static bool needs_sha256_of_all(const mkt_package_digests *d) {
  return d->wanted.sha256 && !is_one_chunk(d);
}

static bool can_go_back(const mkt_package_digests *d) {
  return is_compared(d) && !is_one_chunk(d);
}

static bool make_contexts(mkt_package_digests *d) {
  const struct {
    EVP_MD_CTX **context;
    const char *name;
    bool is_needed;
  } all[] = {
      {&d->chunk, "SHA256", is_compared(d)},
      {&d->sha256, "SHA256", needs_sha256_of_all(d)},
      {&d->md5, "MD5", d->wanted.md5},
      {&d->sha256_before, "SHA256", needs_sha256_of_all(d) && can_go_back(d)},
      {&d->md5_before, "MD5", d->wanted.md5 && can_go_back(d)},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (!all[i].is_needed) continue;
    *all[i].context = mkt_hash_context(all[i].name);
    if (*all[i].context == NULL) return false;
  }
  return true;
}

mkt_code mkt_package_digests_init(mkt_package_digests *d, const mkt_package_wanted *wanted,
                                  const char *path, mkt_error *error) {
  *d = (mkt_package_digests){.wanted = *wanted, .path = path};
  size_t bytes =
      (size_t)mkt_package_chunks(wanted->size, wanted->chunk_size) * MKT_PACKAGE_SHA256_BYTES;
  if (wanted->chunks != NULL && bytes > 0) {
    d->chunks = mkt_alloc(bytes);
    if (d->chunks == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
    memcpy(d->chunks, wanted->chunks, bytes);
  }
  d->wanted.chunks = d->chunks;
  if (!make_contexts(d)) return fail_to_hash(error);
  return mkt_package_digests_reset(d, error);
}

/* Of what the context is for already. */
static bool begin(EVP_MD_CTX *context) {
  return context == NULL || EVP_DigestInit_ex2(context, NULL, NULL) == 1;
}

static bool copy(EVP_MD_CTX *to, const EVP_MD_CTX *from) {
  return to == NULL || EVP_MD_CTX_copy_ex(to, from) == 1;
}

static bool begin_chunk(mkt_package_digests *d) {
  d->chunk_began = d->at;
  return begin(d->chunk) && copy(d->sha256_before, d->sha256) && copy(d->md5_before, d->md5);
}

mkt_code mkt_package_digests_reset(mkt_package_digests *d, mkt_error *error) {
  d->at = 0;
  bool begun = begin(d->sha256) && begin(d->md5) && begin_chunk(d);
  return begun ? MKT_OK : fail_to_hash(error);
}

/* Of the chunk that passes by. */
static uint64_t chunk_end(const mkt_package_digests *d) {
  uint64_t left = d->wanted.chunk_size - d->at % d->wanted.chunk_size;
  return left < d->wanted.size - d->at ? d->at + left : d->wanted.size;
}

static mkt_code end_chunk(mkt_package_digests *d, mkt_error *error) {
  uint64_t chunk = (d->at - 1) / d->wanted.chunk_size;
  const unsigned char *expected = d->chunks + chunk * MKT_PACKAGE_SHA256_BYTES;
  if (EVP_DigestFinal_ex(d->chunk, d->one_chunk, NULL) != 1) return fail_to_hash(error);
  if (CRYPTO_memcmp(d->one_chunk, expected, MKT_PACKAGE_SHA256_BYTES) == 0) {
    return begin_chunk(d) ? MKT_OK : fail_to_hash(error);
  }
  return mkt_fail(error, MKT_ERR_ASSET_CORRUPT,
                  "%.150s: chunk %llu of %llu does not have the SHA-256 that it should have",
                  d->path, (unsigned long long)chunk + 1,
                  (unsigned long long)mkt_package_chunks(d->wanted.size, d->wanted.chunk_size));
}

static bool update(EVP_MD_CTX *context, const unsigned char *p, size_t n) {
  return context == NULL || EVP_DigestUpdate(context, p, n) == 1;
}

static bool update_all(mkt_package_digests *d, const unsigned char *p, size_t n) {
  return update(d->chunk, p, n) && update(d->sha256, p, n) && update(d->md5, p, n);
}

mkt_code mkt_package_digests_add(mkt_package_digests *d, const unsigned char *p, size_t n,
                                 mkt_error *error) {
  while (n > 0) {
    uint64_t end = is_compared(d) ? chunk_end(d) : d->wanted.size;
    size_t part = end - d->at < n ? (size_t)(end - d->at) : n;
    if (!update_all(d, p, part)) return fail_to_hash(error);
    d->at += part;
    p += part;
    n -= part;
    mkt_code code = is_compared(d) && d->at == end ? end_chunk(d, error) : MKT_OK;
    if (code != MKT_OK) return code;
  }
  return MKT_OK;
}

mkt_code mkt_package_digests_rewind(mkt_package_digests *d, mkt_error *error) {
  if (!is_compared(d)) return MKT_OK;
  if (is_one_chunk(d)) return mkt_package_digests_reset(d, error);
  d->at = d->chunk_began;
  bool back = copy(d->sha256, d->sha256_before) && copy(d->md5, d->md5_before) && begin_chunk(d);
  return back ? MKT_OK : fail_to_hash(error);
}

mkt_code mkt_package_digests_end(mkt_package_digests *d, mkt_package_found *found,
                                 mkt_error *error) {
  *found = (mkt_package_found){
      .size = d->wanted.size,
      .chunks = is_compared(d) ? mkt_package_chunks(d->wanted.size, d->wanted.chunk_size) : 0,
      .has_sha256 = d->wanted.sha256,
      .has_md5 = d->wanted.md5,
  };
  if (d->wanted.sha256 && is_one_chunk(d)) {
    memcpy(found->sha256, d->one_chunk, sizeof found->sha256);
  } else if (d->sha256 != NULL && EVP_DigestFinal_ex(d->sha256, found->sha256, NULL) != 1) {
    return fail_to_hash(error);
  }
  if (d->md5 != NULL && EVP_DigestFinal_ex(d->md5, found->md5, NULL) != 1) {
    return fail_to_hash(error);
  }
  return MKT_OK;
}

void mkt_package_digests_clear(mkt_package_digests *d) {
  EVP_MD_CTX *const contexts[] = {d->chunk, d->sha256, d->md5, d->sha256_before, d->md5_before};
  for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++)
    EVP_MD_CTX_free(contexts[i]);
  mkt_free(d->chunks);
  *d = (mkt_package_digests){0};
}
