#include "digest.h"

#include "openssl_error.h"

#include <openssl/evp.h>

mkt_code mkt_sha256(const char *p, size_t n, unsigned char digest[MKT_SHA256_BYTES],
                    mkt_error *error) {
  unsigned written = 0;
  if (EVP_Digest(p, n, digest, &written, EVP_sha256(), NULL) != 1) {
    return mkt_fail_openssl(error, MKT_ERR_CRYPTO_FAILED, "computing SHA-256");
  }
  return MKT_OK;
}
