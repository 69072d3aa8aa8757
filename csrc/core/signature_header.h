/* signature_header.h: the header `x-apple-signature` of App Store Connect's notifications.
 *
 * It holds `hmacsha256=` and the HMAC-SHA256 of the raw body as 64 hex digits. Apple: "Configuring
 * webhook notifications", App Store Connect API.
 */
#ifndef MKT_SIGNATURE_HEADER_H
#define MKT_SIGNATURE_HEADER_H

#include "error.h"

#include <stddef.h>

#define MKT_SIGNATURE_SCHEME "hmacsha256="

enum {
  MKT_TAG_BYTES = 32,
  MKT_SCHEME_BYTES = sizeof MKT_SIGNATURE_SCHEME - 1,
  MKT_SIGNATURE_BYTES = MKT_SCHEME_BYTES + 2 * MKT_TAG_BYTES,
};

/* Reads the strict grammar: `hmacsha256=`, then exactly 64 lower-case hex digits, as Apple writes
 * them, and nothing before or after. MKT_ERR_SIGNATURE_MALFORMED with the byte at fault otherwise.
 */
mkt_code mkt_signature_parse(const char *header, size_t n, unsigned char tag[MKT_TAG_BYTES],
                             mkt_error *error);

#endif
