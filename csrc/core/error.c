#include "error.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct code_entry {
  const char *word;
  const char *text;
  bool retryable;
} code_entry;

static const code_entry entries[MKT_CODE_COUNT] = {[MKT_OK] = {"ok", "done", false},
#define MKT_ERROR_ENTRY(name, word, retryable, text) [MKT_ERR_##name] = {word, text, retryable},
                                                   MKT_ERRORS(MKT_ERROR_ENTRY)
#undef MKT_ERROR_ENTRY
};

const char *mkt_code_word(mkt_code code) {
  return entries[code].word;
}

const char *mkt_code_text(mkt_code code) {
  return entries[code].text;
}

mkt_code mkt_fail(mkt_error *error, mkt_code code, const char *format, ...) {
  if (error == NULL) return code;
  error->code = code;
  error->retryable = entries[code].retryable;
  error->offset = MKT_ERROR_NO_OFFSET;
  if (format == NULL) {
    (void)snprintf(error->message, sizeof error->message, "%s", entries[code].text);
    return code;
  }
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  return code;
}

mkt_code mkt_fail_at(mkt_error *error, mkt_code code, size_t offset, const char *problem) {
  if (error == NULL) return code;
  (void)mkt_fail(error, code, "%s at byte %zu", problem, offset);
  error->offset = (long long)offset;
  return code;
}
