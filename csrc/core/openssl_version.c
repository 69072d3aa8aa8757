#include "openssl_version.h"

#include <openssl/crypto.h>

typedef struct version {
  unsigned long major, minor;
} version;

static version version_of(unsigned long number) {
  return (version){number >> 28, (number >> 20) & 0xFF};
}

mkt_code mkt_openssl_fits(unsigned long built, unsigned long running, mkt_error *error) {
  version of_build = version_of(built), here = version_of(running);
  if (here.major == of_build.major && here.minor >= of_build.minor) return MKT_OK;
  return mkt_fail(error, MKT_ERR_CRYPTO_FAILED,
                  "marketplace.core was built for OpenSSL %lu.%lu and runs with %lu.%lu: build it "
                  "for the OpenSSL of this program (of nginx: nginx -V)",
                  of_build.major, of_build.minor, here.major, here.minor);
}

mkt_code mkt_openssl_check(mkt_error *error) {
  return mkt_openssl_fits(OPENSSL_VERSION_NUMBER, OpenSSL_version_num(), error);
}
