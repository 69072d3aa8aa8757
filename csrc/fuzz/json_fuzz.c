/* The JSON reader against another one, written in another way: recursive, character by character,
 * and telling no more than whether a document is one. */
#include "core/json.h"
#include "core/utf8.h"
#include "fuzz.h"

typedef struct other {
  const unsigned char *p;
  size_t n;
  size_t i;
} other;

static int at(const other *o) {
  return o->i < o->n ? o->p[o->i] : -1;
}

static int take(other *o, const char *word) {
  size_t n = strlen(word);
  if (o->n - o->i < n || memcmp(o->p + o->i, word, n) != 0) return 0;
  o->i += n;
  return 1;
}

static void space(other *o) {
  while (take(o, " ") || take(o, "\t") || take(o, "\n") || take(o, "\r")) {
  }
}

static int is_digit(int c) {
  return c >= '0' && c <= '9';
}

static int digits(other *o) {
  if (!is_digit(at(o))) return 0;
  while (is_digit(at(o)))
    o->i++;
  return 1;
}

static int number(other *o) {
  (void)take(o, "-");
  if (!take(o, "0") && !digits(o)) return 0;
  if (take(o, ".") && !digits(o)) return 0;
  if (take(o, "e") || take(o, "E")) {
    if (!take(o, "+")) (void)take(o, "-");
    return digits(o);
  }
  return 1;
}

static long unit(other *o) {
  long read = 0;
  for (int i = 0; i < 4; i++, o->i++) {
    int c = at(o);
    long digit = is_digit(c)              ? c - '0'
                 : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                 : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                          : -1;
    if (digit < 0) return -1;
    read = read * 16 + digit;
  }
  return read;
}

static int escape(other *o) {
  if (take(o, "u")) {
    long first = unit(o);
    if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF)) return 0;
    if (first < 0xD800 || first > 0xDBFF) return 1;
    long second = take(o, "\\u") ? unit(o) : -1;
    return second >= 0xDC00 && second <= 0xDFFF;
  }
  int c = at(o);
  o->i++;
  return c > 0 && strchr("\"\\/bfnrt", c) != NULL;
}

/* RFC 3629, by the numbers: what a sequence stands for must need as many bytes as it has. */
static int character(other *o) {
  static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
  int c = at(o);
  size_t n = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 0;
  if (c < 0x20 || n == 0 || c > 0xF7 || o->n - o->i < n) return 0;
  unsigned long scalar = n == 1 ? (unsigned long)c : (unsigned long)c & (0x7FU >> n);
  for (size_t k = 1; k < n; k++) {
    unsigned char next = o->p[o->i + k];
    if (next < 0x80 || next > 0xBF) return 0;
    scalar = scalar * 64 + (next & 0x3F);
  }
  o->i += n;
  return scalar >= least[n] && scalar <= 0x10FFFF && (scalar < 0xD800 || scalar > 0xDFFF);
}

static int string(other *o) {
  if (!take(o, "\"")) return 0;
  while (!take(o, "\"")) {
    if (take(o, "\\") ? !escape(o) : !character(o)) return 0;
  }
  return 1;
}

static int value(other *o, int depth);

static int members(other *o, int depth, int named, const char *end) {
  if (depth > MKT_JSON_MAX_DEPTH) return 0;
  space(o);
  if (take(o, end)) return 1;
  do {
    space(o);
    if (named) {
      if (!string(o)) return 0;
      space(o);
      if (!take(o, ":")) return 0;
    }
    if (!value(o, depth)) return 0;
    space(o);
  } while (take(o, ","));
  return take(o, end);
}

static int value(other *o, int depth) {
  space(o);
  if (at(o) == '"') return string(o);
  if (take(o, "{")) return members(o, depth + 1, 1, "}");
  if (take(o, "[")) return members(o, depth + 1, 0, "]");
  return take(o, "true") || take(o, "false") || take(o, "null") || number(o);
}

static bool other_accepts(const uint8_t *data, size_t n) {
  other o = {data, n, 0};
  (void)take(&o, "\xEF\xBB\xBF");
  if (!value(&o, 0)) return false;
  space(&o);
  return o.i == n;
}

static void check_utf8(const char *p, size_t n) {
  for (size_t i = 0; i < n;) {
    size_t length = mkt_utf8_length(p + i, n - i);
    MKT_FUZZ_CHECK(length > 0);
    i += length;
  }
}

static void check_text(const mkt_json *json) {
  mkt_json_text text = json->text;
  MKT_FUZZ_CHECK(text.p >= json->p && text.p + text.n <= json->p + json->position);
  char *decoded = malloc(text.n + 1);
  MKT_FUZZ_CHECK(decoded != NULL);
  size_t n = mkt_json_decode(text, decoded);
  MKT_FUZZ_CHECK(n <= text.n);
  if ((json->flags & MKT_JSON_ANY_BYTES) == 0) check_utf8(decoded, n);
  MKT_FUZZ_CHECK(mkt_json_is(text, decoded, n) && mkt_json_equal(text, text));
  free(decoded);
}

static bool reader_accepts(const uint8_t *data, size_t n, mkt_json_flags flags) {
  mkt_json json;
  mkt_json_init(&json, (const char *)data, n, flags);
  for (;;) {
    size_t before = json.position;
    mkt_json_token token = mkt_json_next(&json);
    MKT_FUZZ_CHECK(json.position <= n && json.depth <= MKT_JSON_MAX_DEPTH);
    if (token == MKT_JSON_FAULT || token == MKT_JSON_END) {
      MKT_FUZZ_CHECK(mkt_json_next(&json) == token);
      MKT_FUZZ_CHECK((token == MKT_JSON_FAULT) == (json.problem != NULL));
      return token == MKT_JSON_END;
    }
    MKT_FUZZ_CHECK(json.start >= before && json.start < json.position);
    if (token == MKT_JSON_NAME || token == MKT_JSON_STRING || token == MKT_JSON_NUMBER)
      check_text(&json);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  bool accepted = reader_accepts(data, n, MKT_JSON_RFC8259);
  MKT_FUZZ_CHECK(accepted == other_accepts(data, n));
  MKT_FUZZ_CHECK(!reader_accepts(data, n, MKT_JSON_UNIQUE_NAMES) || accepted);
  MKT_FUZZ_CHECK(reader_accepts(data, n, MKT_JSON_ANY_BYTES) || !accepted);
  return 0;
}
