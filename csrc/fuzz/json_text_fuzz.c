/* What two JSON strings, the first line of the input and the rest, have to do with each other: they
 * are equal, and have one hash, if the same bytes are behind their escapes. By that an object is
 * seen to name a member twice. */
#include "core/json_text.h"
#include "fuzz.h"

#include <string.h>

typedef struct string {
  char *quoted;
  char *bytes;
  size_t n;
  mkt_json_text text;
} string;

static bool scan(string *s, const char *p, size_t n) {
  mkt_json json;
  mkt_json_init(&json, p, n, MKT_JSON_RFC8259);
  json.position = 0; /* a byte order mark is no string */
  if (p[0] != '"' || !mkt_json_scan_string(&json)) return false;
  MKT_FUZZ_CHECK(json.position <= n && json.text.p == p + 1);
  s->text = json.text;
  s->bytes = malloc(json.text.n + 1);
  MKT_FUZZ_CHECK(s->bytes != NULL);
  s->n = mkt_json_decode(json.text, s->bytes);
  MKT_FUZZ_CHECK(s->n <= json.text.n && (json.text.escaped || s->n == json.text.n));
  return true;
}

static bool read_quoted(string *s, const char *p, size_t n) {
  *s = (string){.quoted = malloc(n + 2)};
  MKT_FUZZ_CHECK(s->quoted != NULL);
  s->quoted[0] = '"';
  if (n > 0) memcpy(s->quoted + 1, p, n);
  s->quoted[n + 1] = '"';
  return scan(s, s->quoted, n + 2);
}

/* The same text, every ASCII character of it an escape. */
static bool read_escaped(string *s, const string *from) {
  char *out = malloc(6 * from->n + 2);
  MKT_FUZZ_CHECK(out != NULL);
  *s = (string){.quoted = out};
  *out++ = '"';
  for (size_t i = 0; i < from->n; i++) {
    unsigned char c = (unsigned char)from->bytes[i];
    if (c < 0x80) {
      char escape[7];
      (void)snprintf(escape, sizeof escape, "\\u%04X", c);
      memcpy(out, escape, 6);
      out += 6;
    } else {
      *out++ = (char)c;
    }
  }
  *out++ = '"';
  return scan(s, s->quoted, (size_t)(out - s->quoted));
}

static void clear(string *s) {
  free(s->bytes);
  free(s->quoted);
}

static void compare(const string *a, const string *b) {
  bool same = a->n == b->n && memcmp(a->bytes, b->bytes, a->n) == 0;
  MKT_FUZZ_CHECK(mkt_json_equal(a->text, b->text) == same);
  MKT_FUZZ_CHECK(mkt_json_equal(b->text, a->text) == same);
  MKT_FUZZ_CHECK(mkt_json_is(a->text, b->bytes, b->n) == same);
  MKT_FUZZ_CHECK(!same || mkt_json_hash(a->text) == mkt_json_hash(b->text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  const char *p = (const char *)data;
  const uint8_t *end = n > 0 ? memchr(data, '\n', n) : NULL;
  size_t first = end != NULL ? (size_t)(end - data) : n;
  string a;
  string b;
  string escaped;
  bool is_read = read_quoted(&a, p, first);
  if (read_quoted(&b, end != NULL ? p + first + 1 : p, end != NULL ? n - first - 1 : n) && is_read)
    compare(&a, &b);
  if (is_read) {
    MKT_FUZZ_CHECK(read_escaped(&escaped, &a) && escaped.n == a.n);
    compare(&a, &escaped);
    clear(&escaped);
  }
  clear(&b);
  clear(&a);
  return 0;
}
