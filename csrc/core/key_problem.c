#include "key_problem.h"

#include <string.h>

#define BEGIN "-----BEGIN "
#define END "-----END "

/* How base64 of BEGIN begins, and that of the DER of a private key (PKCS#8; SEC1; RSA). */
static const char wrapped_begin[] = "LS0tLS1CRUdJTi";
static const char *const der_begins[] = {"MIG", "MHc", "MII"};

static const char *find(const char *p, size_t n, const char *word) {
  return memmem(p, n, word, strlen(word));
}

static bool begins(const char *p, size_t n, const char *word) {
  return n >= strlen(word) && memcmp(p, word, strlen(word)) == 0;
}

static const char *problem_without_begin(const char *p, size_t n) {
  if (begins(p, n, wrapped_begin)) {
    return "the key is PEM that was encoded in base64 once more: decode it (base64 -d)";
  }
  for (size_t i = 0; i < sizeof der_begins / sizeof der_begins[0]; i++) {
    if (begins(p, n, der_begins[i])) {
      return "the key has lost its first and last line, -----BEGIN PRIVATE KEY----- and -----END "
             "PRIVATE KEY-----: add them";
    }
  }
  return "the key is not PEM: give the file as it was downloaded or made";
}

/* Nothing but a line end may stand before it. */
static bool begins_its_line(const char *text, const char *at) {
  return at == text || at[-1] == '\n';
}

/* What settings and copying do to lines; NULL: none of that. */
static const char *problem_of_lines(const char *text, size_t n, const char *begin) {
  const char *end = find(text, n, END);
  if (text[0] == '"' || text[0] == '\'') return "the key is in quotes: remove them";
  if (find(text, n, "\\n") != NULL) {
    return "the key has \\n, a backslash and an n, in place of its line ends: write real ones";
  }
  if (end == NULL || end < begin) {
    return "the key is cut off: its last line, -----END ..., is missing";
  }
  if (memchr(begin, '\n', (size_t)(end - begin)) == NULL) {
    return "the key is on one line: its first and its last line must be lines of their own";
  }
  if (!begins_its_line(text, begin) || !begins_its_line(text, end)) {
    return "the key has something before -----BEGIN or -----END on the same line, such as white "
           "space: remove it";
  }
  return NULL;
}

const char *mkt_key_problem(const char *pem, size_t n, bool is_private) {
  while (n > 0 && (*pem == '\n' || *pem == '\r')) {
    pem++;
    n--;
  }
  const char *begin = find(pem, n, BEGIN);
  if (begin == NULL) return problem_without_begin(pem, n);
  if (find(pem, n, is_private ? "PRIVATE KEY-----" : "PUBLIC KEY-----") == NULL) {
    return is_private ? "the PEM holds no private key" : "the PEM holds no public key";
  }
  const char *problem = problem_of_lines(pem, n, begin);
  return problem != NULL ? problem : "the key is damaged";
}
