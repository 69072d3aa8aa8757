#include "utf8.h"

#include <stdbool.h>

static bool continues(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

/* The second byte's range is what rules out overlong forms, surrogates and values past U+10FFFF:
 * RFC 3629, section 4. */
static bool second_allowed(unsigned char first, unsigned char second) {
  switch (first) {
  case 0xE0:
    return second >= 0xA0 && second <= 0xBF;
  case 0xED:
    return second >= 0x80 && second <= 0x9F;
  case 0xF0:
    return second >= 0x90 && second <= 0xBF;
  case 0xF4:
    return second >= 0x80 && second <= 0x8F;
  default:
    return continues(second);
  }
}

static size_t announced_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

size_t mkt_utf8_length(const char *p, size_t n) {
  const unsigned char *bytes = (const unsigned char *)p;
  size_t length = announced_length(bytes[0]);
  if (length <= 1) return length;
  if (length > n || !second_allowed(bytes[0], bytes[1])) return 0;
  for (size_t i = 2; i < length; i++) {
    if (!continues(bytes[i])) return 0;
  }
  return length;
}

size_t mkt_utf8_encode(uint32_t scalar, char out[4]) {
  if (scalar < 0x80) {
    out[0] = (char)scalar;
    return 1;
  }
  if (scalar < 0x800) {
    out[0] = (char)(0xC0 | (scalar >> 6));
    out[1] = (char)(0x80 | (scalar & 0x3F));
    return 2;
  }
  if (scalar < 0x10000) {
    out[0] = (char)(0xE0 | (scalar >> 12));
    out[1] = (char)(0x80 | ((scalar >> 6) & 0x3F));
    out[2] = (char)(0x80 | (scalar & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | (scalar >> 18));
  out[1] = (char)(0x80 | ((scalar >> 12) & 0x3F));
  out[2] = (char)(0x80 | ((scalar >> 6) & 0x3F));
  out[3] = (char)(0x80 | (scalar & 0x3F));
  return 4;
}
