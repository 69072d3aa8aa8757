#include "http_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

typedef struct url_parts {
  char *scheme;
  char *host;
  char *user;
} url_parts;

static bool is_loopback_host(const char *host) {
  struct in_addr v4;
  struct in6_addr v6;
  char inner[INET6_ADDRSTRLEN];
  size_t n = strlen(host);
  if (strcasecmp(host, "localhost") == 0) return true;
  if (inet_pton(AF_INET, host, &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  if (n < 3 || host[0] != '[' || n - 2 >= sizeof inner) return false;
  memcpy(inner, host + 1, n - 2);
  inner[n - 2] = '\0';
  return inet_pton(AF_INET6, inner, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static mkt_code judge(const url_parts *parts, bool plain_is_allowed, bool *is_loopback,
                      mkt_error *error) {
  *is_loopback = is_loopback_host(parts->host);
  if (parts->user != NULL) {
    return mkt_fail(error, MKT_ERR_REQUEST_INVALID, "the URL must not contain a user name");
  }
  if (strcasecmp(parts->scheme, "https") == 0) return MKT_OK;
  if (strcasecmp(parts->scheme, "http") != 0) {
    return mkt_fail(error, MKT_ERR_REQUEST_INVALID, "the URL does not begin with https://");
  }
  if (*is_loopback || plain_is_allowed) return MKT_OK;
  return mkt_fail(error, MKT_ERR_REQUEST_INVALID,
                  "http:// is allowed for loopback addresses only: use https:// for %.128s",
                  parts->host);
}

/* A user that memory did not suffice for must not pass for none. */
static CURLUcode read_parts(CURLU *url, url_parts *parts) {
  CURLUcode read = curl_url_get(url, CURLUPART_SCHEME, &parts->scheme, 0);
  if (read == CURLUE_OK) read = curl_url_get(url, CURLUPART_HOST, &parts->host, 0);
  if (read == CURLUE_OK) read = curl_url_get(url, CURLUPART_USER, &parts->user, 0);
  return read == CURLUE_NO_USER ? CURLUE_OK : read;
}

mkt_code mkt_http_check_url(const char *url, bool plain_is_allowed, bool *is_loopback,
                            mkt_error *error) {
  url_parts parts = {0};
  CURLU *parsed = curl_url();
  if (parsed == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  mkt_code code = MKT_ERR_REQUEST_INVALID;
  CURLUcode read = curl_url_set(parsed, CURLUPART_URL, url, 0);
  if (read == CURLUE_OK) read = read_parts(parsed, &parts);
  if (read == CURLUE_OUT_OF_MEMORY) {
    code = mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  } else if (read != CURLUE_OK) {
    (void)mkt_fail(error, code, "the URL is malformed: %s", curl_url_strerror(read));
  } else {
    code = judge(&parts, plain_is_allowed, is_loopback, error);
  }
  curl_free(parts.scheme);
  curl_free(parts.host);
  curl_free(parts.user);
  curl_url_cleanup(parsed);
  return code;
}

bool mkt_http_is_https(const char *url) {
  return strncasecmp(url, "https:", 6) == 0;
}
