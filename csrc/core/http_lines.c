#include "http_lines.h"

#include "alloc.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <string.h>

static const char no_expect[] = "Expect:";

/* A line end would begin a header, or a request, of somebody else's making. */
static bool is_header(const char *line) {
  const char *colon = strchr(line, ':');
  if (colon == NULL || colon == line || strcspn(line, " \t") < (size_t)(colon - line)) return false;
  for (const char *p = line; *p != '\0'; p++) {
    if ((unsigned char)*p < 0x20 && *p != '\t') return false;
  }
  return true;
}

static char *add(struct curl_slist *node, char *text, const char *line) {
  size_t bytes = strlen(line) + 1;
  memcpy(text, line, bytes);
  node->data = text;
  node->next = node + 1;
  return text + bytes;
}

mkt_code mkt_http_lines_copy(mkt_http_lines *lines, const char *const *headers, size_t count,
                             mkt_error *error) {
  size_t bytes = (count + 1) * sizeof(struct curl_slist) + sizeof no_expect;
  for (size_t i = 0; i < count; i++) {
    if (!is_header(headers[i])) {
      return mkt_fail(error, MKT_ERR_REQUEST_INVALID, "header %zu is not \"Name: value\"", i + 1);
    }
    bytes += strlen(headers[i]) + 1;
  }
  lines->list = mkt_alloc(bytes);
  if (lines->list == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  lines->bytes = bytes;
  char *text = (char *)(lines->list + count + 1);
  for (size_t i = 0; i < count; i++)
    text = add(&lines->list[i], text, headers[i]);
  (void)add(&lines->list[count], text, no_expect);
  lines->list[count].next = NULL;
  return MKT_OK;
}

void mkt_http_lines_clear(mkt_http_lines *lines) {
  if (lines->list == NULL) return;
  OPENSSL_cleanse(lines->list, lines->bytes);
  mkt_free(lines->list);
  *lines = (mkt_http_lines){0};
}
