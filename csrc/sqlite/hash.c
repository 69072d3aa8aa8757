#include "sqlite/hash.h"

#include <stddef.h>
#include <stdint.h>

/* FNV-1a */
static uint64_t hash_of(const unsigned char *p, int n) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (int i = 0; i < n; i++)
    hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static void hash_text(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) return;
  const unsigned char *text = sqlite3_value_text(values[0]);
  if (text == NULL) {
    sqlite3_result_error_nomem(context);
    return;
  }
  sqlite3_result_int64(context, (sqlite3_int64)hash_of(text, sqlite3_value_bytes(values[0])));
}

int mkt_sqlite_add_hash(sqlite3 *db) {
  return sqlite3_create_function_v2(db, "hash", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                    hash_text, NULL, NULL, NULL);
}
