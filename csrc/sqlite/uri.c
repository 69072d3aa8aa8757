#include "sqlite/uri.h"

#include "core/alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool stands_for_itself(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         strchr("/._-", c) != NULL;
}

static char *append(char *end, const char *text) {
  size_t n = strlen(text);
  memcpy(end, text, n);
  return end + n;
}

static char *append_escaped(char *end, const char *text) {
  static const char digits[] = "0123456789abcdef";
  for (; *text != '\0'; text++) {
    unsigned char byte = (unsigned char)*text;
    if (stands_for_itself(*text)) {
      *end++ = *text;
    } else {
      *end++ = '%';
      *end++ = digits[byte >> 4];
      *end++ = digits[byte & 15];
    }
  }
  return end;
}

char *mkt_sqlite_uri(const char *path, const char *mode_of) {
  static const char absolute[] = "file://", relative[] = "file:./", mode[] = "?modeof=";
  size_t most = 3 * (strlen(path) + (mode_of != NULL ? strlen(mode_of) : 0));
  char *uri = mkt_alloc(most + sizeof absolute + sizeof mode);
  if (uri == NULL) return NULL;
  /* with the dot, no name means to SQLite what the name of no file does: "", ":memory:" */
  char *end = append_escaped(append(uri, path[0] == '/' ? absolute : relative), path);
  if (mode_of != NULL) end = append_escaped(append(end, mode), mode_of);
  *end = '\0';
  return uri;
}
