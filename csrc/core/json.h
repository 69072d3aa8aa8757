/* json.h: a strict pull reader for JSON (RFC 8259) that allocates nothing.
 *
 * The reader walks a borrowed slice and hands out one token a call. It checks the whole grammar,
 * UTF-8, surrogate pairs, depth and size; the first fault ends it for good, with the byte where the
 * fault is. What RFC 8259 leaves open is decided so:
 *
 *   - a UTF-8 byte order mark before the document is skipped (section 8.1 allows it);
 *   - an escaped or raw lone surrogate is a fault (it has no UTF-8 form);
 *   - numbers are checked and handed out as written, of any size: their meaning is the caller's;
 *   - an object that names a member twice is a fault if MKT_JSON_UNIQUE_NAMES is asked for, as
 *     I-JSON (RFC 7493, section 2.3) wants it: two readers that each keep another one of the two
 *     would see two different notifications under one signature;
 *   - bytes that are not UTF-8 are a fault unless MKT_JSON_ANY_BYTES is asked for: of an answer
 *     with a name that somebody cut off, the rest counts.
 */
#ifndef MKT_JSON_H
#define MKT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
  MKT_JSON_MAX_BYTES = 16 * 1024 * 1024,
  MKT_JSON_MAX_DEPTH = 64,
  /* names that can be checked for being unique: those of one object and of the objects around it */
  MKT_JSON_MAX_NAMES = 1024,
};

typedef enum mkt_json_flags {
  MKT_JSON_RFC8259 = 0,
  MKT_JSON_UNIQUE_NAMES = 1,
  MKT_JSON_ANY_BYTES = 2, /* a string's bytes above 0x7F need not be UTF-8 */
} mkt_json_flags;

typedef enum mkt_json_token {
  MKT_JSON_FAULT,
  MKT_JSON_END, /* the document is complete and nothing but white space follows */
  MKT_JSON_OBJECT,
  MKT_JSON_OBJECT_END,
  MKT_JSON_ARRAY,
  MKT_JSON_ARRAY_END,
  MKT_JSON_NAME, /* the value's token comes next */
  MKT_JSON_STRING,
  MKT_JSON_NUMBER,
  MKT_JSON_TRUE,
  MKT_JSON_FALSE,
  MKT_JSON_NULL,
} mkt_json_token;

/* A slice of the input, borrowed: of a NAME or STRING what stands between the quotes, still
 * escaped; of a NUMBER its characters. */
typedef struct mkt_json_text {
  const char *p;
  size_t n;
  bool escaped;
} mkt_json_text;

/* One whole value as it stands in the input, borrowed. */
typedef struct mkt_json_value {
  const char *p;
  size_t n;
} mkt_json_value;

/* The caller's, on the stack or wherever; about 13 KiB, of which mkt_json_init touches a few bytes.
 * Only `text`, `start`, `problem` and `position` are for the caller to read. */
typedef struct mkt_json {
  const char *p;
  size_t n;
  size_t position;     /* byte after the last token, or byte of the fault */
  size_t start;        /* byte where the last token starts */
  mkt_json_text text;  /* of the last NAME, STRING or NUMBER */
  const char *problem; /* on MKT_JSON_FAULT what is wrong, in words; static storage */
  uint64_t objects;    /* a bit a level: object (1) or array (0) */
  unsigned depth;
  int expected;
  mkt_json_flags flags;
  unsigned names;
  unsigned first_name[MKT_JSON_MAX_DEPTH];
  uint32_t name_hash[MKT_JSON_MAX_NAMES];
  uint32_t name_start[MKT_JSON_MAX_NAMES];
  uint32_t name_length[MKT_JSON_MAX_NAMES];
} mkt_json;

/* Starts at the beginning of p[0..n-1], which must outlive the reader and every text it gave. */
void mkt_json_init(mkt_json *json, const char *p, size_t n, mkt_json_flags flags);

/* The next token; after MKT_JSON_FAULT and MKT_JSON_END always the same again. */
mkt_json_token mkt_json_next(mkt_json *json);

/* Reads to the end of the value that `token` (the last one returned) started: for OBJECT and ARRAY
 * to their end, for anything else nothing. False on a fault. */
bool mkt_json_skip(mkt_json *json, mkt_json_token token);

/* Writes the unescaped bytes to out, which has room for text.n of them, and returns how many there
 * are. They can hold NUL. */
size_t mkt_json_decode(mkt_json_text text, char *out);

/* Whether two checked texts have the same unescaped bytes. */
bool mkt_json_equal(mkt_json_text a, mkt_json_text b);

/* Whether the unescaped text is these bytes. In the header because each member's name is compared
 * with every name that is looked for: with the length known to the compiler that is one branch. */
static inline bool mkt_json_is(mkt_json_text text, const char *p, size_t n) {
  if (!text.escaped) return text.n == n && memcmp(text.p, p, n) == 0;
  return mkt_json_equal(text, (mkt_json_text){p, n, false});
}

#endif
