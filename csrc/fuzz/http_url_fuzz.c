/* URLs: what is allowed is https, or http to a loopback address, and names no user. */
#include "core/http_url.h"
#include "fuzz.h"

#include <string.h>
#include <strings.h>

/* Whether somebody's name stands before the host. */
static bool names_user(const char *url) {
  const char *authority = strchr(url, ':') + 1;
  authority += strspn(authority, "/");
  size_t n = strcspn(authority, "/?#");
  return memchr(authority, '@', n) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char *url = mkt_fuzz_string(data, n);
  bool is_loopback = false;
  bool is_loopback_too = false;
  mkt_error error;
  mkt_code strict = mkt_http_check_url(url, false, &is_loopback, &error);
  if (strict != MKT_OK) {
    mkt_fuzz_check_error(&error);
    MKT_FUZZ_CHECK(strict == MKT_ERR_REQUEST_INVALID);
  }
  mkt_code lax = mkt_http_check_url(url, true, &is_loopback_too, NULL);
  if (strict == MKT_OK) {
    bool is_https = strncasecmp(url, "https:", 6) == 0;
    MKT_FUZZ_CHECK(is_https || (strncasecmp(url, "http:", 5) == 0 && is_loopback));
    MKT_FUZZ_CHECK(lax == MKT_OK && is_loopback == is_loopback_too);
    MKT_FUZZ_CHECK(!names_user(url));
    MKT_FUZZ_CHECK(strpbrk(url, "\r\n\t") == NULL);
  }
  free(url);
  return 0;
}
