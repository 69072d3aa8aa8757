#include "hash.h"

#include "openssl_error.h"

#include <openssl/evp.h>

static mkt_code fail(mkt_error *error) {
  return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "computing a digest");
}

static EVP_MD_CTX *context_of(mkt_hash *hash) {
  return (EVP_MD_CTX *)(void *)hash;
}

static const EVP_MD_CTX *context_to_read(const mkt_hash *hash) {
  return (const EVP_MD_CTX *)(const void *)hash;
}

/* Takes the context, of which *hash becomes the only name. */
static mkt_code keep(mkt_hash **hash, EVP_MD_CTX *context, bool is_ready, mkt_error *error) {
  *hash = is_ready ? (mkt_hash *)(void *)context : NULL;
  if (is_ready) return MKT_OK;
  EVP_MD_CTX_free(context);
  return fail(error);
}

EVP_MD_CTX *mkt_hash_context(const char *name) {
  EVP_MD *kind = EVP_MD_fetch(NULL, name, NULL);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool is_ready = kind != NULL && context != NULL && EVP_DigestInit_ex2(context, kind, NULL) == 1;
  EVP_MD_free(kind);
  if (is_ready) return context;
  EVP_MD_CTX_free(context);
  return NULL;
}

mkt_code mkt_hash_open(mkt_hash **hash, const char *name, mkt_error *error) {
  EVP_MD_CTX *context = mkt_hash_context(name);
  return keep(hash, context, context != NULL, error);
}

mkt_code mkt_hash_copy(mkt_hash **copy, const mkt_hash *hash, mkt_error *error) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool is_ready = context != NULL && EVP_MD_CTX_copy_ex(context, context_to_read(hash)) == 1;
  return keep(copy, context, is_ready, error);
}

mkt_code mkt_hash_add(mkt_hash *hash, const char *p, size_t n, mkt_error *error) {
  return EVP_DigestUpdate(context_of(hash), p, n) == 1 ? MKT_OK : fail(error);
}

mkt_code mkt_hash_digest(const mkt_hash *hash, unsigned char digest[MKT_HASH_BYTES_MOST], size_t *n,
                         mkt_error *error) {
  mkt_hash *copy = NULL;
  unsigned written = 0;
  mkt_code code = mkt_hash_copy(&copy, hash, error);
  if (code != MKT_OK) return code;
  if (EVP_DigestFinal_ex(context_of(copy), digest, &written) != 1) code = fail(error);
  mkt_hash_close(copy);
  *n = written;
  return code;
}

void mkt_hash_close(mkt_hash *hash) {
  EVP_MD_CTX_free(context_of(hash));
}
