#include "core/utf8.h"
#include "test/support.h"

#include <stdbool.h>
#include <string.h>

/* How an independent reader of RFC 3629 sees the bytes: decode by the bit patterns, then rule out
 * what is overlong, a surrogate or past U+10FFFF. */
static size_t expected_length(const unsigned char *b, size_t n) {
  size_t length = b[0] < 0x80             ? 1
                  : (b[0] & 0xE0) == 0xC0 ? 2
                  : (b[0] & 0xF0) == 0xE0 ? 3
                  : (b[0] & 0xF8) == 0xF0 ? 4
                                          : 0;
  if (length == 0 || length > n) return 0;
  static const uint32_t first_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t value = b[0] & first_mask[length];
  for (size_t i = 1; i < length; i++) {
    if ((b[i] & 0xC0) != 0x80) return 0;
    value = value << 6 | (b[i] & 0x3F);
  }
  bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return value < least[length] || surrogate || value > 0x10FFFF ? 0 : length;
}

static void every_three_bytes(void **state) {
  (void)state;
  for (uint32_t all = 0; all < 1U << 24; all++) {
    unsigned char b[3] = {(unsigned char)(all >> 16), (unsigned char)(all >> 8),
                          (unsigned char)all};
    if (mkt_utf8_length((const char *)b, 3) != expected_length(b, 3)) {
      fail_msg("%02x %02x %02x", b[0], b[1], b[2]);
    }
  }
}

/* The continuation bytes that matter: around both ends of the ranges. */
static void every_four_bytes_of_the_long_forms(void **state) {
  (void)state;
  static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
  for (unsigned first = 0xE0; first <= 0xFF; first++) {
    for (unsigned second = 0; second <= 0xFF; second++) {
      for (size_t i = 0; i < sizeof edges * sizeof edges; i++) {
        unsigned char b[4] = {(unsigned char)first, (unsigned char)second, edges[i / sizeof edges],
                              edges[i % sizeof edges]};
        assert_int_equal(mkt_utf8_length((const char *)b, 4), expected_length(b, 4));
      }
    }
  }
}

static void truncated_sequences_read_nothing_past_the_end(void **state) {
  (void)state;
  static const char *const sequences[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9D\x84\x9E"};
  for (size_t i = 0; i < 3; i++) {
    size_t whole = strlen(sequences[i]);
    for (size_t n = 1; n <= whole; n++) {
      mkt_guarded copy = mkt_guard(sequences[i], n);
      assert_int_equal(mkt_utf8_length(copy.p, n), n == whole ? whole : 0);
      mkt_unguard(&copy);
    }
  }
}

static void every_scalar_value_there_and_back(void **state) {
  (void)state;
  for (uint32_t scalar = 0; scalar <= 0x10FFFF; scalar++) {
    if (scalar >= 0xD800 && scalar <= 0xDFFF) continue;
    char bytes[4];
    size_t n = mkt_utf8_encode(scalar, bytes);
    if (n != expected_length((const unsigned char *)bytes, n)) fail_msg("U+%04X", scalar);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_three_bytes),
      cmocka_unit_test(every_four_bytes_of_the_long_forms),
      cmocka_unit_test(truncated_sequences_read_nothing_past_the_end),
      cmocka_unit_test(every_scalar_value_there_and_back),
  };
  return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
