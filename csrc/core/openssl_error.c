#include "openssl_error.h"

#include <openssl/err.h>

mkt_code mkt_fail_openssl(mkt_error *error, mkt_code code, const char *what) {
  unsigned long first = ERR_get_error();
  const char *reason = ERR_reason_error_string(first);
  ERR_clear_error();
  return mkt_fail(error, code, "%s: %s", what, reason != NULL ? reason : "no reason given");
}
