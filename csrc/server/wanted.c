#include "server/wanted.h"

#include "core/signature_header.h"
#include "server/request.h"

#include <string.h>
#include <strings.h>

static bool is_identity(mkt_text value) {
  return value.n == 0 || (value.n == 8 && strncasecmp(value.p, "identity", 8) == 0);
}

static bool is_path(mkt_text path, const char *wanted) {
  const size_t length = strlen(wanted);
  bool has_slash = path.n == length + 1 && path.p[length] == '/';
  return (path.n == length || has_slash) && memcmp(path.p, wanted, length) == 0;
}

static bool is_signature(mkt_text value) {
  unsigned char tag[MKT_TAG_BYTES];
  mkt_error error;
  return mkt_signature_parse(value.p, value.n, tag, &error) == MKT_OK;
}

static bool has_wanted_headers(const mkt_request *request) {
  size_t cursor = 0, signatures = 0, encodings = 0;
  mkt_text name, value;
  while (mkt_request_header(request, &cursor, &name, &value)) {
    if (mkt_text_is(name, "x-apple-signature")) {
      signatures++;
      if (!is_signature(value)) return false;
    } else if (mkt_text_is(name, "content-encoding")) {
      encodings++;
      if (!is_identity(value)) return false;
    }
  }
  return signatures == 1 && encodings <= 1;
}

bool mkt_wanted(const mkt_request *request, const char *path) {
  return mkt_text_is(mkt_request_method(request), "POST") &&
         is_path(mkt_request_path(request), path) && has_wanted_headers(request);
}
