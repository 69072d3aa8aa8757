/* openssl_version.h: whether the OpenSSL that runs is one that this code was built for.
 *
 * They differ if the process brings its own, as OpenResty's nginx does. Within a major version
 * OpenSSL keeps its interface and adds to it (OpenSSL's "Versioning policy").
 */
#ifndef MKT_OPENSSL_VERSION_H
#define MKT_OPENSSL_VERSION_H

#include "error.h"

/* Both as in OPENSSL_VERSION_NUMBER: MNN00PPS in hex. MKT_OK, or MKT_ERR_CRYPTO_FAILED if the
 * major version differs or the minor one that runs is older. */
mkt_code mkt_openssl_fits(unsigned long built, unsigned long running, mkt_error *error);

/* The same for this build in this process. */
mkt_code mkt_openssl_check(mkt_error *error);

#endif
