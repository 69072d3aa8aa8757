/* A request's head: its method, its target, and its fields as libmicrohttpd 0.9 leaves them. */
#include "fuzz.h"
#include "server/head.h"

#include <string.h>

static size_t count(const char *p, size_t n, char c) {
  size_t found = 0;
  for (size_t i = 0; i < n; i++)
    found += p[i] == c ? 1 : 0;
  return found;
}

/* What is whole has a NUL for each separator and none beside them, and no other line end. */
static void check_whole(const char *head, size_t n, size_t target_length) {
  const char *target = head + strlen(head) + 1;
  const char *rest = target + target_length + 1;
  const size_t rest_length = n - (size_t)(rest - head);
  MKT_FUZZ_CHECK(mkt_head_is_token(head, strlen(head)));
  MKT_FUZZ_CHECK(rest_length >= 12 && memcmp(rest, "HTTP/1.", 7) == 0);
  MKT_FUZZ_CHECK(count(rest, rest_length, '\n') == 0 && count(rest, rest_length, '\r') == 0);
  MKT_FUZZ_CHECK(memcmp(rest + rest_length - 4, "\0\0\0", 4) == 0);
  MKT_FUZZ_CHECK((count(rest, rest_length, '\0') - 4) % 3 == 0);
  MKT_FUZZ_CHECK(!mkt_head_is_whole(head, n - 1, target_length));
}

/* The input is a head whose separators are still there: what libmicrohttpd makes of it is whole if
 * it has no byte that could be a separator in any other place. */
static void check_text(const char *text, size_t n) {
  char *head = malloc(n + 1);
  MKT_FUZZ_CHECK(head != NULL);
  const char *space = memchr(text, ' ', n);
  const size_t method = space != NULL ? (size_t)(space - text) : n;
  for (size_t i = 0; i < n; i++)
    head[i] = strchr(" :\r\n", text[i]) != NULL ? '\0' : text[i];
  if (method < n) {
    const char *end = memchr(text + method + 1, ' ', n - method - 1);
    const size_t target = end != NULL ? (size_t)(end - text) - method - 1 : 0;
    if (mkt_head_is_whole(head, n, target)) check_whole(head, n, target);
  }
  free(head);
}

static void check_fields(const char *p, size_t n) {
  mkt_head head = {0};
  char lowered[MKT_FIELD_NAME_MOST];
  size_t fields = 0;
  for (size_t at = 0; at < n; fields++) {
    const size_t length = n - at < 24 ? n - at : 24;
    const char *colon = memchr(p + at, ':', length);
    const size_t name = colon != NULL ? (size_t)(colon - p) - at : length;
    if (mkt_head_lower_name(lowered, p + at, name) && colon != NULL) {
      mkt_head_add(&head, lowered, name, colon + 1, mkt_head_trimmed(colon + 1, length - name - 1));
    }
    at += length;
  }
  MKT_FUZZ_CHECK(head.content_lengths + head.transfer_encodings + head.hosts <= fields);
  const mkt_fault fault = mkt_head_judge(&head, "POST", n % 2 == 0);
  if (fault == MKT_FAULT_NONE) {
    MKT_FUZZ_CHECK(head.content_lengths + head.transfer_encodings == 1 && !head.is_malformed);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char *text = mkt_fuzz_string(data, n);
  check_text(text, n);
  check_fields(text, n);
  for (size_t target = 0; target < 16 && target < n; target++) {
    if (mkt_head_is_whole(text, n, target)) check_whole(text, n, target);
  }
  (void)mkt_head_is_target(text, n);
  free(text);
  return 0;
}
