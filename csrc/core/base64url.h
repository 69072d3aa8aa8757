/* base64url.h: base64 with the alphabet for URLs and without padding (RFC 4648, section 5; RFC
 * 7515, section 2). */
#ifndef MKT_BASE64URL_H
#define MKT_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

/* How many characters n bytes become. n is at most SIZE_MAX / 2. */
size_t mkt_base64url_length(size_t n);

/* Writes mkt_base64url_length(n) characters, no NUL. */
void mkt_base64url_encode(const unsigned char *p, size_t n, char *out);

/* How many bytes n characters stand for at most. */
size_t mkt_base64url_decoded_length(size_t n);

/* Writes at most mkt_base64url_decoded_length(n) bytes, *out_n of them. False for a character that
 * is not of the alphabet (padding included), for a length that no bytes have, and for bits at the
 * end that are not zero: each sequence of bytes has one spelling. */
bool mkt_base64url_decode(const char *p, size_t n, unsigned char *out, size_t *out_n);

#endif
