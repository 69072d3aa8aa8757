/* The archive of a package's manifest and signature: what is read is no larger than it may be, and
 * is the same each time. */
#include "fuzz.h"
#include "packages/archive.h"

#include <string.h>

enum { COUNT = 2, MOST = 65536 };

static mkt_code read_archive(const char *p, size_t n, mkt_package_entry entries[COUNT]) {
  static const char *const names[COUNT] = {"manifest.json", "signature"};
  mkt_error error;
  for (size_t i = 0; i < COUNT; i++) {
    entries[i].name = names[i];
    mkt_buffer_init(&entries[i].bytes, MOST);
  }
  mkt_code code = mkt_package_archive_read(p, n, entries, COUNT, &error);
  if (code != MKT_OK) {
    mkt_fuzz_check_error(&error);
    MKT_FUZZ_CHECK(code == MKT_ERR_ARCHIVE_INVALID);
  }
  for (size_t i = 0; i < COUNT; i++)
    MKT_FUZZ_CHECK(entries[i].bytes.n <= MOST && (code != MKT_OK || entries[i].bytes.n > 0));
  return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  mkt_package_entry first[COUNT], again[COUNT];
  mkt_code code = read_archive((const char *)data, n, first);
  MKT_FUZZ_CHECK(read_archive((const char *)data, n, again) == code);
  for (size_t i = 0; i < COUNT; i++) {
    size_t length = first[i].bytes.n;
    MKT_FUZZ_CHECK(length == again[i].bytes.n);
    MKT_FUZZ_CHECK(length == 0 || memcmp(first[i].bytes.p, again[i].bytes.p, length) == 0);
    mkt_buffer_clear(&first[i].bytes);
    mkt_buffer_clear(&again[i].bytes);
  }
  return 0;
}
