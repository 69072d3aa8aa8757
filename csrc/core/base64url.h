/* base64url.h: base64 with the alphabet for URLs and without padding (RFC 4648, section 5; RFC
 * 7515, section 2). */
#ifndef MKT_BASE64URL_H
#define MKT_BASE64URL_H

#include <stddef.h>

/* How many characters n bytes become. n is at most SIZE_MAX / 2. */
size_t mkt_base64url_length(size_t n);

/* Writes mkt_base64url_length(n) characters, no NUL. */
void mkt_base64url_encode(const unsigned char *p, size_t n, char *out);

#endif
