/* openssl_error.h: OpenSSL's error queue, emptied into one of ours.
 *
 * A message left in the queue would be reported later by whoever shares the process: nginx logs it
 * for an unrelated connection.
 */
#ifndef MKT_OPENSSL_ERROR_H
#define MKT_OPENSSL_ERROR_H

#include "error.h"

/* "what: OpenSSL's first reason" with `code`; returns code. */
mkt_code mkt_fail_openssl(mkt_error *error, mkt_code code, const char *what);

#endif
