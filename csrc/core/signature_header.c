#include "signature_header.h"

#include <string.h>

/* One more than the digit's value, 0 for what is no digit. A table and no comparisons: whether the
 * next digit is a letter is as hard to predict as the tag. */
static const unsigned char lower_hex[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};

mkt_code mkt_signature_parse(const char *header, size_t n, unsigned char tag[MKT_TAG_BYTES],
                             mkt_error *error) {
  if (n < MKT_SCHEME_BYTES || memcmp(header, MKT_SIGNATURE_SCHEME, MKT_SCHEME_BYTES) != 0) {
    return mkt_fail_at(error, MKT_ERR_SIGNATURE_MALFORMED, 0,
                       "the signature does not start with hmacsha256=");
  }
  if (n != MKT_SIGNATURE_BYTES) {
    return mkt_fail(error, MKT_ERR_SIGNATURE_MALFORMED,
                    "the signature has %zu characters after hmacsha256=, not 64",
                    n - MKT_SCHEME_BYTES);
  }
  for (size_t i = 0; i < MKT_TAG_BYTES; i++) {
    size_t at = MKT_SCHEME_BYTES + 2 * i;
    unsigned high = lower_hex[(unsigned char)header[at]];
    unsigned low = lower_hex[(unsigned char)header[at + 1]];
    if (high == 0 || low == 0) {
      return mkt_fail_at(error, MKT_ERR_SIGNATURE_MALFORMED, high == 0 ? at : at + 1,
                         "the signature has a character that is not a lower-case hex digit");
    }
    tag[i] = (unsigned char)((high - 1) * 16 + low - 1);
  }
  return MKT_OK;
}
