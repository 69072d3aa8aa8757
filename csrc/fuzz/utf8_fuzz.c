/* UTF-8: a sequence is well-formed if the number that its bits make needs as many bytes, and
 * only numbers that are characters are written. */
#include "core/utf8.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

static bool is_character(uint32_t scalar) {
  return scalar <= 0x10FFFF && (scalar < 0xD800 || scalar > 0xDFFF);
}

static size_t bytes_needed(uint32_t scalar) {
  return scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
}

/* The number that a lead byte and what follows make; false if the bits are laid out otherwise.
 */
static bool bits(const uint8_t *p, size_t n, size_t *length, uint32_t *scalar) {
  size_t ones = 0;
  while (ones < 8 && (p[0] & 0x80U >> ones) != 0)
    ones++;
  *length = ones == 0 ? 1 : ones;
  if (ones == 1 || ones > 4 || *length > n) return false;
  *scalar = p[0] & 0x7FU >> ones;
  for (size_t i = 1; i < *length; i++) {
    if (p[i] >> 6 != 2) return false;
    *scalar = *scalar << 6 | (p[i] & 0x3FU);
  }
  return true;
}

static void check_read(const uint8_t *p, size_t n) {
  size_t length;
  uint32_t scalar;
  bool expected =
      bits(p, n, &length, &scalar) && is_character(scalar) && bytes_needed(scalar) == length;
  MKT_FUZZ_CHECK(mkt_utf8_length((const char *)p, n) == (expected ? length : 0));
  if (!expected) return;
  char again[4];
  MKT_FUZZ_CHECK(mkt_utf8_encode(scalar, again) == length && memcmp(again, p, length) == 0);
}

static void check_written(const uint8_t *p) {
  uint32_t scalar = ((uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]) % 0x110000;
  if (!is_character(scalar)) return;
  char text[4];
  size_t n = mkt_utf8_encode(scalar, text);
  MKT_FUZZ_CHECK(n == bytes_needed(scalar) && mkt_utf8_length(text, n) == n);
  MKT_FUZZ_CHECK(n == 1 || mkt_utf8_length(text, n - 1) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  for (size_t i = 0; i < n; i++)
    check_read(data + i, n - i);
  for (size_t i = 0; i + 3 <= n; i += 3)
    check_written(data + i);
  return 0;
}
