#include "base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t mkt_base64url_length(size_t n) {
  return n / 3 * 4 + (n % 3 * 4 + 2) / 3;
}

void mkt_base64url_encode(const unsigned char *p, size_t n, char *out) {
  unsigned bits = 0;
  unsigned held = 0; /* how many of the bits are not written yet */
  for (size_t i = 0; i < n; i++) {
    bits = (bits << 8 | p[i]) & 0xffff;
    for (held += 8; held >= 6; held -= 6)
      *out++ = alphabet[bits >> (held - 6) & 63];
  }
  if (held > 0) *out = alphabet[bits << (6 - held) & 63];
}
