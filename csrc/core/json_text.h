/* json_text.h: what stands between the quotes of a JSON string (RFC 8259, section 7).
 *
 * Internal to the JSON reader.
 */
#ifndef MKT_JSON_TEXT_H
#define MKT_JSON_TEXT_H

#include "json.h"

/* Checks a string whose opening quote is at json->p[json->position]; sets json->text and moves past
 * the closing quote. On a fault returns false with position and problem set. */
bool mkt_json_scan_string(mkt_json *json);

/* The first eight bytes, or fewer, each at least once; never a byte past the end. */
static inline uint64_t mkt_json_leading_bytes(const char *p, size_t n) {
  uint64_t word = 0;
  if (n >= 8) {
    memcpy(&word, p, 8);
  } else if (n >= 4) {
    uint32_t halves[2];
    memcpy(&halves[0], p, 4);
    memcpy(&halves[1], p + n - 4, 4);
    word = (uint64_t)halves[1] << 32 | halves[0];
  } else if (n > 0) {
    word = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 |
           (unsigned char)p[n - 1];
  }
  return word;
}

static inline uint32_t mkt_json_hash_plain(const char *p, size_t n) {
  return (uint32_t)(((mkt_json_leading_bytes(p, n) ^ n) * 0x9E3779B97F4A7C15U) >> 32);
}

uint32_t mkt_json_hash_escaped(mkt_json_text text);

/* Of the unescaped bytes, so that "a" and "\u0061" have one hash. Of their number and the first
 * eight only: names of one object seldom share both, and equal hashes are compared in full. In the
 * header because each member's name is hashed. */
static inline uint32_t mkt_json_hash(mkt_json_text text) {
  return text.escaped ? mkt_json_hash_escaped(text) : mkt_json_hash_plain(text.p, text.n);
}

#endif
