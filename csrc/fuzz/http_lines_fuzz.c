/* Header lines of requests: each line of the input is one, a NUL stands for a line end within. */
#include "core/http_lines.h"
#include "fuzz.h"

#include <string.h>

enum { MOST = 16 };

static void check_copied(const mkt_http_lines *copied, const char *const *lines, size_t count) {
  const struct curl_slist *node = copied->list;
  for (size_t i = 0; i < count; i++, node = node->next) {
    MKT_FUZZ_CHECK(node != NULL && strcmp(node->data, lines[i]) == 0 && node->data != lines[i]);
    MKT_FUZZ_CHECK(strpbrk(node->data, "\r\n") == NULL);
    MKT_FUZZ_CHECK(strchr(node->data, ':') != NULL && node->data[0] != ':');
  }
  MKT_FUZZ_CHECK(node != NULL && node->next == NULL && strcmp(node->data, "Expect:") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  const char *lines[MOST] = {NULL};
  size_t count = 0;
  char *text = malloc(n + 1);
  MKT_FUZZ_CHECK(text != NULL);
  for (size_t i = 0; i < n; i++)
    text[i] = data[i] == '\n' ? '\0' : data[i] == '\0' ? '\n' : (char)data[i];
  text[n] = '\0';
  for (size_t i = 0; i < n && count < MOST; i += strlen(text + i) + 1)
    lines[count++] = text + i;
  mkt_http_lines copied = {0};
  mkt_error error;
  mkt_code code = mkt_http_lines_copy(&copied, lines, count, &error);
  if (code == MKT_OK) {
    check_copied(&copied, lines, count);
  } else {
    mkt_fuzz_check_error(&error);
    MKT_FUZZ_CHECK(code == MKT_ERR_REQUEST_INVALID && copied.list == NULL);
  }
  mkt_http_lines_clear(&copied);
  free(text);
  return 0;
}
