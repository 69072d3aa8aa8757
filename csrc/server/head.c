#include "server/head.h"

#include <string.h>
#include <strings.h>

/* Characters */

/* The lower-case forms of the characters that a token can have (RFC 9110, 5.6.2), 0 for the others.
 * A table, as this is looked up for each byte of a name. */
static const char lower_tokens[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
    ['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b',   ['c'] = 'c',
    ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i',   ['j'] = 'j',
    ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p',   ['q'] = 'q',
    ['r'] = 'r', ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w',   ['x'] = 'x',
    ['y'] = 'y', ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd',   ['E'] = 'e',
    ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k',   ['L'] = 'l',
    ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r',   ['S'] = 's',
    ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y',   ['Z'] = 'z'};

static size_t token_length(const char *p, size_t n) {
  size_t length = 0;
  while (length < n && lower_tokens[(unsigned char)p[length]] != '\0')
    length++;
  return length;
}

static bool is_value_character(unsigned char c) {
  return c == '\t' || (c >= ' ' && c != 0x7F);
}

static size_t value_length_at(const char *p, size_t n) {
  size_t length = 0;
  while (length < n && is_value_character((unsigned char)p[length]))
    length++;
  return length;
}

bool mkt_head_lower_name(char lowered[MKT_FIELD_NAME_MOST], const char *name, size_t n) {
  if (n == 0 || n > MKT_FIELD_NAME_MOST) return false;
  for (size_t i = 0; i < n; i++) {
    lowered[i] = lower_tokens[(unsigned char)name[i]];
    if (lowered[i] == '\0') return false;
  }
  return true;
}

size_t mkt_head_trimmed(const char *value, size_t n) {
  while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
    n--;
  return n;
}

bool mkt_head_is_token(const char *p, size_t n) {
  return n > 0 && token_length(p, n) == n;
}

static bool begins_with(const char *p, size_t n, const char *start) {
  size_t length = strlen(start);
  return n > length && strncasecmp(p, start, length) == 0;
}

bool mkt_head_is_target(const char *target, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (target[i] <= ' ' || target[i] >= 0x7F) return false;
  }
  return (n == 1 && target[0] == '*') || (n > 0 && target[0] == '/') ||
         begins_with(target, n, "http://") || begins_with(target, n, "https://");
}

/* Fields */

static bool is_same(const char *text, const char *p, size_t n) {
  return strlen(text) == n && strncasecmp(text, p, n) == 0;
}

static bool is_name(const char *lowered, const char *p, size_t n) {
  return strlen(lowered) == n && memcmp(lowered, p, n) == 0;
}

/* Digits only: no sign, no list, and not nothing. */
static bool read_length(const char *p, size_t n, uint64_t *length) {
  *length = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] < '0' || p[i] > '9') return false;
    const uint64_t digit = (uint64_t)(p[i] - '0');
    *length = *length > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *length * 10 + digit;
  }
  return n > 0;
}

/* RFC 3986, 3.2.2 and 3.2.3: a host and a port, of whose characters none can end it. */
static bool is_host(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const char c = p[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_letter && (c == '\0' || strchr("-._~%!$&'()*+;=:[]", c) == NULL)) return false;
  }
  return true;
}

void mkt_head_add(mkt_head *head, const char *name, size_t name_length, const char *value,
                  size_t value_length) {
  bool is_fine = value_length_at(value, value_length) == value_length;
  if (is_name("content-length", name, name_length)) {
    head->content_lengths++;
    is_fine = read_length(value, value_length, &head->length) && is_fine;
  } else if (is_name("transfer-encoding", name, name_length)) {
    head->transfer_encodings++;
    is_fine = is_same("chunked", value, value_length) && is_fine;
  } else if (is_name("host", name, name_length)) {
    head->hosts++;
    is_fine = is_host(value, value_length) && is_fine;
  } else if (is_name("connection", name, name_length)) {
    head->may_close = head->may_close || !is_same("keep-alive", value, value_length);
  }
  if (!is_fine) head->is_malformed = true;
}

mkt_fault mkt_head_judge(const mkt_head *head, const char *method, bool is_http_1_0) {
  size_t ends = head->content_lengths + head->transfer_encodings;
  if (head->is_malformed || ends > 1 || head->hosts > 1) return MKT_FAULT_MALFORMED;
  if (is_http_1_0 ? head->transfer_encodings > 0 : head->hosts == 0) return MKT_FAULT_MALFORMED;
  return ends == 0 && strcmp(method, "POST") == 0 ? MKT_FAULT_NO_LENGTH : MKT_FAULT_NONE;
}

/* The whole head */

typedef struct reader {
  const char *p;
  size_t n;
} reader;

static bool skip(reader *in, size_t n) {
  if (n > in->n) return false;
  in->p += n;
  in->n -= n;
  return true;
}

static bool skip_separators(reader *in, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (in->n == 0 || in->p[0] != '\0') return false;
    (void)skip(in, 1);
  }
  return true;
}

static bool skip_token(reader *in) {
  size_t length = token_length(in->p, in->n);
  return length > 0 && skip(in, length);
}

static bool skip_version(reader *in) {
  return in->n >= 8 && memcmp(in->p, "HTTP/1.", 7) == 0 && (in->p[7] == '0' || in->p[7] == '1') &&
         skip(in, 8);
}

static bool skip_value(reader *in) {
  return skip(in, value_length_at(in->p, in->n));
}

bool mkt_head_is_whole(const char *head, size_t n, size_t target_length) {
  reader in = {head, n};
  if (!skip_token(&in) || !skip_separators(&in, 1) || !skip(&in, target_length) ||
      !skip_separators(&in, 1) || !skip_version(&in) || !skip_separators(&in, 2)) {
    return false;
  }
  while (in.n > 2) {
    if (!skip_token(&in) || !skip_separators(&in, 1) || !skip_value(&in) ||
        !skip_separators(&in, 2)) {
      return false;
    }
  }
  return skip_separators(&in, 2) && in.n == 0;
}
