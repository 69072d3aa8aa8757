#include "base64url.h"

#include <string.h>

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

size_t mkt_base64url_decoded_length(size_t n) {
  return n / 4 * 3 + n % 4 * 3 / 4;
}

static int value_of(char c) {
  const char *at = c == '\0' ? NULL : strchr(alphabet, c);
  return at == NULL ? -1 : (int)(at - alphabet);
}

bool mkt_base64url_decode(const char *p, size_t n, unsigned char *out, size_t *out_n) {
  unsigned bits = 0;
  unsigned held = 0; /* how many of the bits are not written yet */
  unsigned char *end = out;
  for (size_t i = 0; i < n; i++) {
    int value = value_of(p[i]);
    if (value < 0) return false;
    bits = (bits << 6 | (unsigned)value) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    *end++ = (unsigned char)(bits >> held);
  }
  *out_n = (size_t)(end - out);
  return n % 4 != 1 && (bits & ((1U << held) - 1)) == 0;
}
