/* HTTP dates and Retry-After. */
#include "core/http_fields.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

static const double END_OF_9999 = 253402300799;

static void check_digits(const char *text, double seconds) {
  if (strlen(text) > 15) return;
  double expected = strtod(text, NULL);
  MKT_FUZZ_CHECK(seconds == (expected < MKT_RETRY_AFTER_MOST ? expected : MKT_RETRY_AFTER_MOST));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char *text = mkt_fuzz_string(data, n);
  double date = NAN;
  double seconds = NAN;
  bool is_date = mkt_http_date(text, &date);
  bool is_digits = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
  MKT_FUZZ_CHECK(is_date ? date >= 0 && date <= END_OF_9999 && date == floor(date) : isnan(date));
  MKT_FUZZ_CHECK(mkt_retry_after(text, 1792915200, &seconds) == (is_date || is_digits));
  MKT_FUZZ_CHECK(is_date || is_digits ? seconds >= 0 && seconds <= MKT_RETRY_AFTER_MOST
                                      : isnan(seconds));
  if (is_digits) check_digits(text, seconds);
  if (is_date) MKT_FUZZ_CHECK(mkt_retry_after(text, date - 1, &seconds) && seconds == 1);
  free(text);
  return 0;
}
