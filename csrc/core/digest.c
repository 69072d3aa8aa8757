#include "digest.h"

#include "openssl_error.h"

#include <openssl/evp.h>
#include <pthread.h>

/* Looked up once, for good: EVP_sha256() is looked up by its name for every digest. */
static EVP_MD *fetched;

static void fetch(void) {
  fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, fetch);
  return fetched != NULL ? fetched : EVP_sha256();
}

mkt_code mkt_sha256(const char *p, size_t n, unsigned char digest[MKT_SHA256_BYTES],
                    mkt_error *error) {
  unsigned written = 0;
  if (EVP_Digest(p, n, digest, &written, sha256(), NULL) != 1) {
    return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "computing SHA-256");
  }
  return MKT_OK;
}
