#include "core/error.h"
#include "fuzz.h"

#include <string.h>

char *mkt_fuzz_string(const uint8_t *data, size_t n) {
  char *text = malloc(n + 1);
  MKT_FUZZ_CHECK(text != NULL);
  if (n > 0) memcpy(text, data, n);
  text[n] = '\0';
  return text;
}

void mkt_fuzz_check_error(const mkt_error *error) {
  MKT_FUZZ_CHECK(error->code > MKT_OK && error->code < MKT_CODE_COUNT);
  size_t length = strnlen(error->message, sizeof error->message);
  MKT_FUZZ_CHECK(length > 0 && length < sizeof error->message);
}
