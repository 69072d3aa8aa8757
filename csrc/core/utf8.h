/* utf8.h: well-formed UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, at most U+10FFFF.
 */
#ifndef MKT_UTF8_H
#define MKT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed sequence that starts at p (1 to 4), or 0 if none does. Reads at most
 * n bytes; n is at least 1. */
size_t mkt_utf8_length(const char *p, size_t n);

/* Writes the scalar value's 1 to 4 bytes to out and returns how many. */
size_t mkt_utf8_encode(uint32_t scalar, char out[4]);

#endif
