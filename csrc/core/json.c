#include "json.h"

#include "json_text.h"

#include <string.h>

/* What may come next, between two calls. */
enum {
  EXPECT_VALUE,
  EXPECT_FIRST_ELEMENT,
  EXPECT_FIRST_NAME,
  EXPECT_COMMA_OR_END,
  EXPECT_NOTHING, /* the end was reached */
  EXPECT_NEVER,   /* a fault was found */
};

static mkt_json_token fault(mkt_json *json, const char *problem) {
  json->problem = problem;
  json->expected = EXPECT_NEVER;
  return MKT_JSON_FAULT;
}

void mkt_json_init(mkt_json *json, const char *p, size_t n, mkt_json_flags flags) {
  json->p = p;
  json->n = n;
  json->position = n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  json->start = 0;
  json->text = (mkt_json_text){p, 0, false};
  json->problem = NULL;
  json->objects = 0;
  json->depth = 0;
  json->expected = EXPECT_VALUE;
  json->flags = flags;
  json->names = 0;
  if (n > MKT_JSON_MAX_BYTES) {
    json->position = MKT_JSON_MAX_BYTES;
    (void)fault(json, "the document is longer than 16 MiB");
  }
}

static int peek_behind_space(mkt_json *json) {
  for (; json->position < json->n; json->position++) {
    char c = json->p[json->position];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return (unsigned char)c;
  }
  return -1;
}

/* The next byte that is not white space, or -1 at the end. Most documents have none. */
static inline int peek(mkt_json *json) {
  size_t i = json->position;
  if (i < json->n && (unsigned char)json->p[i] > ' ') return (unsigned char)json->p[i];
  return peek_behind_space(json);
}

static bool in_object(const mkt_json *json) {
  return json->depth > 0 && (json->objects >> (json->depth - 1) & 1) != 0;
}

static mkt_json_token open_container(mkt_json *json, bool object) {
  if (json->depth == MKT_JSON_MAX_DEPTH) return fault(json, "more than 64 levels are nested");
  uint64_t level = (uint64_t)1 << json->depth;
  json->objects = object ? json->objects | level : json->objects & ~level;
  json->first_name[json->depth] = json->names;
  json->depth++;
  json->position++;
  json->expected = object ? EXPECT_FIRST_NAME : EXPECT_FIRST_ELEMENT;
  return object ? MKT_JSON_OBJECT : MKT_JSON_ARRAY;
}

static mkt_json_token close_container(mkt_json *json) {
  bool object = in_object(json);
  json->depth--;
  json->names = json->first_name[json->depth];
  json->position++;
  json->expected = EXPECT_COMMA_OR_END;
  return object ? MKT_JSON_OBJECT_END : MKT_JSON_ARRAY_END;
}

static mkt_json_text remembered_name(const mkt_json *json, unsigned i) {
  const char *p = json->p + json->name_start[i];
  size_t n = json->name_length[i];
  return (mkt_json_text){p, n, memchr(p, '\\', n) != NULL};
}

static bool name_is_new(mkt_json *json) {
  uint32_t hash = mkt_json_hash(json->text);
  for (unsigned i = json->first_name[json->depth - 1]; i < json->names; i++) {
    if (json->name_hash[i] == hash && mkt_json_equal(remembered_name(json, i), json->text)) {
      json->position = json->start;
      (void)fault(json, "an object names a member twice");
      return false;
    }
  }
  if (json->names == MKT_JSON_MAX_NAMES) {
    json->position = json->start;
    (void)fault(json, "open objects have more than 1024 members");
    return false;
  }
  json->name_hash[json->names] = hash;
  json->name_start[json->names] = (uint32_t)(json->text.p - json->p);
  json->name_length[json->names] = (uint32_t)json->text.n;
  json->names++;
  return true;
}

static mkt_json_token read_name(mkt_json *json) {
  if (peek(json) != '"') return fault(json, "a member's name is missing");
  json->start = json->position;
  if (!mkt_json_scan_string(json)) return fault(json, json->problem);
  if ((json->flags & MKT_JSON_UNIQUE_NAMES) != 0 && !name_is_new(json)) return MKT_JSON_FAULT;
  if (peek(json) != ':') return fault(json, "a colon is missing after a member's name");
  json->position++;
  json->expected = EXPECT_VALUE;
  return MKT_JSON_NAME;
}

static size_t skip_digits(const mkt_json *json, size_t i) {
  while (i < json->n && json->p[i] >= '0' && json->p[i] <= '9')
    i++;
  return i;
}

static bool one_of(const mkt_json *json, size_t i, const char *pair) {
  return i < json->n && (json->p[i] == pair[0] || json->p[i] == pair[1]);
}

/* RFC 8259, section 6. Returns the byte after the number, or leaves position at the fault and
 * returns 0. */
static size_t scan_number(mkt_json *json) {
  size_t i = json->position;
  if (json->p[i] == '-') i++;
  size_t digits = i;
  i = i < json->n && json->p[i] == '0' ? i + 1 : skip_digits(json, i);
  json->position = i;
  if (i == digits) return 0;
  if (i < json->n && json->p[i] == '.') {
    digits = ++i;
    i = skip_digits(json, i);
    json->position = i;
    if (i == digits) return 0;
  }
  if (one_of(json, i, "eE")) {
    i++;
    if (one_of(json, i, "+-")) i++;
    digits = i;
    i = skip_digits(json, i);
    json->position = i;
    if (i == digits) return 0;
  }
  return i;
}

static mkt_json_token read_number(mkt_json *json) {
  size_t end = scan_number(json);
  if (end == 0) return fault(json, "a number lacks a digit");
  json->text = (mkt_json_text){json->p + json->start, end - json->start, false};
  json->expected = EXPECT_COMMA_OR_END;
  return MKT_JSON_NUMBER;
}

static mkt_json_token read_word(mkt_json *json, const char *word, mkt_json_token token) {
  size_t n = strlen(word);
  if (json->n - json->position < n || memcmp(json->p + json->position, word, n) != 0) {
    return fault(json, "a value is missing");
  }
  json->position += n;
  json->expected = EXPECT_COMMA_OR_END;
  return token;
}

static mkt_json_token read_string(mkt_json *json) {
  if (!mkt_json_scan_string(json)) return fault(json, json->problem);
  json->expected = EXPECT_COMMA_OR_END;
  return MKT_JSON_STRING;
}

static mkt_json_token read_value(mkt_json *json) {
  int c = peek(json);
  json->start = json->position;
  switch (c) {
  case '{':
    return open_container(json, true);
  case '[':
    return open_container(json, false);
  case '"':
    return read_string(json);
  case 't':
    return read_word(json, "true", MKT_JSON_TRUE);
  case 'f':
    return read_word(json, "false", MKT_JSON_FALSE);
  case 'n':
    return read_word(json, "null", MKT_JSON_NULL);
  case -1:
    return fault(json, "the document ends where a value is missing");
  default:
    if (c == '-' || (c >= '0' && c <= '9')) return read_number(json);
    return fault(json, "a value is missing");
  }
}

static mkt_json_token read_document_end(mkt_json *json) {
  if (peek(json) != -1) return fault(json, "something follows the document");
  json->expected = EXPECT_NOTHING;
  return MKT_JSON_END;
}

static mkt_json_token read_comma_or_end(mkt_json *json) {
  if (json->depth == 0) return read_document_end(json);
  int c = peek(json);
  json->start = json->position;
  if (c == (in_object(json) ? '}' : ']')) return close_container(json);
  if (c == -1) return fault(json, "the document ends inside an array or object");
  if (c != ',') return fault(json, "a comma or a closing bracket is missing");
  json->position++;
  return in_object(json) ? read_name(json) : read_value(json);
}

static mkt_json_token read_first(mkt_json *json, char closing) {
  if (peek(json) == closing) {
    json->start = json->position;
    return close_container(json);
  }
  return closing == '}' ? read_name(json) : read_value(json);
}

mkt_json_token mkt_json_next(mkt_json *json) {
  switch (json->expected) {
  case EXPECT_VALUE:
    return read_value(json);
  case EXPECT_FIRST_ELEMENT:
    return read_first(json, ']');
  case EXPECT_FIRST_NAME:
    return read_first(json, '}');
  case EXPECT_COMMA_OR_END:
    return read_comma_or_end(json);
  case EXPECT_NOTHING:
    return MKT_JSON_END;
  default:
    return MKT_JSON_FAULT;
  }
}

bool mkt_json_skip(mkt_json *json, mkt_json_token token) {
  if (token != MKT_JSON_OBJECT && token != MKT_JSON_ARRAY) return token != MKT_JSON_FAULT;
  unsigned outside = json->depth - 1;
  while (json->depth > outside) {
    if (mkt_json_next(json) == MKT_JSON_FAULT) return false;
  }
  return true;
}
