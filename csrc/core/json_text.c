#include "json_text.h"

#include "utf8.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static bool fault(mkt_json *json, size_t position, const char *problem) {
  json->position = position;
  json->problem = problem;
  return false;
}

/* What ends a run of plain ASCII: a quote, a backslash, a control character or the start of a
 * longer UTF-8 sequence. A run is scanned in strides, then byte by byte. */
static bool is_special(char c) {
  return c == '"' || c == '\\' || (signed char)c < 0x20;
}

#ifdef __SSE2__

enum { STRIDE = 16 };

/* How many plain bytes the stride at p starts with. As signed numbers, control characters and the
 * bytes of longer sequences are those below 0x20. */
static size_t plain_in_stride(const char *p) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
  __m128i special = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                              _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                                 _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)));
  return (size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(special) | 1U << STRIDE);
}

#else

enum { STRIDE = 8 };

static size_t plain_in_stride(const char *p) {
  const uint64_t ones = 0x0101010101010101U;
  const uint64_t tops = 0x8080808080808080U;
  uint64_t word;
  memcpy(&word, p, sizeof word);
  uint64_t quote = word ^ (ones * '"');
  uint64_t backslash = word ^ (ones * '\\');
  uint64_t control = word - ones * 0x20;
  uint64_t special =
      (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | control | word) & tops;
  /* borrows make mistakes next to special bytes only */
  if (special == 0) return STRIDE;
  size_t i = 0;
  while (!is_special(p[i]))
    i++;
  return i;
}

#endif

static size_t skip_plain(const char *p, size_t n, size_t i) {
  while (n - i >= STRIDE) {
    size_t plain = plain_in_stride(p + i);
    i += plain;
    if (plain < STRIDE) return i;
  }
  while (i < n && !is_special(p[i]))
    i++;
  return i;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* The value of four hex digits, or -1. */
static int32_t hex_quad(const char *p, size_t n) {
  if (n < 4) return -1;
  int32_t value = 0;
  for (size_t i = 0; i < 4; i++) {
    int digit = hex_digit(p[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

static bool is_high_surrogate(int32_t unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int32_t unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Bytes of the \uXXXX escape, or pair of them, whose backslash is at p; 0 if it stands for no
 * character. */
static size_t unicode_escape(const char *p, size_t n, uint32_t *scalar) {
  int32_t first = hex_quad(p + 2, n - 2);
  if (first < 0 || is_low_surrogate(first)) return 0;
  *scalar = (uint32_t)first;
  if (!is_high_surrogate(first)) return 6;
  if (n < 12 || p[6] != '\\' || p[7] != 'u') return 0;
  int32_t second = hex_quad(p + 8, n - 8);
  if (!is_low_surrogate(second)) return 0;
  *scalar = 0x10000 + (((uint32_t)first & 0x3FF) << 10) + ((uint32_t)second & 0x3FF);
  return 12;
}

/* Bytes of the escape whose backslash is at p, and what it stands for; 0 if it is none. */
static size_t read_escape(const char *p, size_t n, uint32_t *scalar) {
  static const char letters[] = "\"\\/bfnrt";
  static const char meanings[] = "\"\\/\b\f\n\r\t";
  if (n < 2) return 0;
  if (p[1] == 'u') return unicode_escape(p, n, scalar);
  const char *letter = p[1] != '\0' ? strchr(letters, p[1]) : NULL;
  if (letter == NULL) return 0;
  *scalar = (unsigned char)meanings[letter - letters];
  return 2;
}

static bool end_string(mkt_json *json, size_t first, size_t end, bool escaped) {
  if (end >= json->n) return fault(json, json->n, "a string does not end");
  json->text = (mkt_json_text){json->p + first, end - first, escaped};
  json->position = end + 1;
  return true;
}

/* Bytes of the character at i, which is not ASCII; 0 if it is none. */
static size_t character_length(const mkt_json *json, size_t i) {
  if ((json->flags & MKT_JSON_ANY_BYTES) != 0) return 1;
  return mkt_utf8_length(json->p + i, json->n - i);
}

/* Goes on from the special byte at i. Apart from what scans plain strings, and not inlined into it,
 * for few strings get here, and its frame costs as much as scanning one of them. */
__attribute__((noinline)) static bool scan_special(mkt_json *json, size_t first, size_t i) {
  const char *p = json->p;
  size_t n = json->n;
  bool escaped = false;
  while (i < n && p[i] != '"') {
    unsigned char byte = (unsigned char)p[i];
    if (byte < 0x20) return fault(json, i, "a control character in a string must be escaped");
    size_t length;
    if (byte == '\\') {
      uint32_t scalar;
      escaped = true;
      length = read_escape(p + i, n - i, &scalar);
      if (length == 0) return fault(json, i, "an escape stands for no character");
    } else {
      length = character_length(json, i);
      if (length == 0) return fault(json, i, "a string is not UTF-8");
    }
    i = skip_plain(p, n, i + length);
  }
  return end_string(json, first, i, escaped);
}

bool mkt_json_scan_string(mkt_json *json) {
  size_t first = json->position + 1;
  size_t i = skip_plain(json->p, json->n, first);
  bool is_plain = i >= json->n || json->p[i] == '"';
  return is_plain ? end_string(json, first, i, false) : scan_special(json, first, i);
}

size_t mkt_json_decode(mkt_json_text text, char *out) {
  if (!text.escaped) {
    memcpy(out, text.p, text.n);
    return text.n;
  }
  size_t written = 0;
  for (size_t i = 0; i < text.n;) {
    if (text.p[i] != '\\') {
      out[written++] = text.p[i++];
      continue;
    }
    uint32_t scalar = 0;
    i += read_escape(text.p + i, text.n - i, &scalar);
    written += mkt_utf8_encode(scalar, out + written);
  }
  return written;
}

/* Hands out the unescaped bytes one at a time, for texts of any length without a buffer. */
typedef struct byte_source {
  mkt_json_text text;
  size_t i;
  char pending[4];
  size_t pending_n;
  size_t pending_i;
} byte_source;

static int next_byte(byte_source *source) {
  if (source->pending_i < source->pending_n) {
    return (unsigned char)source->pending[source->pending_i++];
  }
  if (source->i >= source->text.n) return -1;
  const char *p = source->text.p + source->i;
  if (!source->text.escaped || *p != '\\') {
    source->i++;
    return (unsigned char)*p;
  }
  uint32_t scalar = 0;
  source->i += read_escape(p, source->text.n - source->i, &scalar);
  source->pending_n = mkt_utf8_encode(scalar, source->pending);
  source->pending_i = 1;
  return (unsigned char)source->pending[0];
}

uint32_t mkt_json_hash_escaped(mkt_json_text text) {
  byte_source source = {.text = text};
  char first[8] = {0};
  size_t n = 0;
  for (int byte = next_byte(&source); byte >= 0; byte = next_byte(&source)) {
    if (n < sizeof first) first[n] = (char)byte;
    n++;
  }
  return mkt_json_hash_plain(first, n);
}

bool mkt_json_equal(mkt_json_text a, mkt_json_text b) {
  if (!a.escaped && !b.escaped) return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
  byte_source left = {.text = a};
  byte_source right = {.text = b};
  for (;;) {
    int byte = next_byte(&left);
    if (byte != next_byte(&right)) return false;
    if (byte < 0) return true;
  }
}
