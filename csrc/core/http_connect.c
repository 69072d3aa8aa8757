#include "http_connect.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789";
static const char in_names[] = "0123456789.-_"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char in_addresses[] = "0123456789:.ABCDEFabcdef";

/* What follows the host; NULL if there is none. */
static const char *after_host(const char *address) {
  if (*address != '[') {
    size_t n = strspn(address, in_names);
    return n > 0 ? address + n : NULL;
  }
  size_t n = strspn(address + 1, in_addresses);
  return n > 0 && address[1 + n] == ']' ? address + n + 2 : NULL;
}

static bool is_port(const char *text) {
  const size_t most_digits = 5;
  const long highest = 65535;
  size_t n = strspn(text, digits);
  if (n == 0 || n > most_digits || text[n] != '\0') return false;
  const long port = strtol(text, NULL, 10);
  return port >= 1 && port <= highest;
}

static bool is_address(const char *address) {
  const char *rest = after_host(address);
  return rest != NULL && (*rest == '\0' || (*rest == ':' && is_port(rest + 1)));
}

mkt_code mkt_http_connect_set(mkt_http_connect *connect, const char *address, mkt_error *error) {
  /* for whatever host and port */
  int n = snprintf(connect->text, sizeof connect->text, "::%s", address);
  if (n < 0 || (size_t)n >= sizeof connect->text || !is_address(address)) {
    return mkt_fail(error, MKT_ERR_REQUEST_INVALID,
                    "the address to connect to is not host:port, such as 192.0.2.1:443");
  }
  connect->entry = (struct curl_slist){.data = connect->text, .next = NULL};
  return MKT_OK;
}
