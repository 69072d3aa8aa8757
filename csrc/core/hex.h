/* hex.h: bytes as lower-case hex digits. */
#ifndef MKT_HEX_H
#define MKT_HEX_H

#include <stddef.h>

/* Writes 2 * n characters, no NUL. */
void mkt_hex(const unsigned char *p, size_t n, char *out);

#endif
