#include "sqlite/statement.h"

#include "core/alloc.h"
#include "sqlite/failure.h"

#include <string.h>

static const char *doing(sqlite3_stmt *statement) {
  return sqlite3_stmt_readonly(statement) ? "read" : "write to";
}

static mkt_code make_room(mkt_sqlite *database, mkt_error *error) {
  if (database->count == MKT_SQLITE_MOST_STATEMENTS) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "too many statements are prepared");
  }
  size_t bytes = (size_t)(database->count + 1) * sizeof(sqlite3_stmt *);
  sqlite3_stmt **moved = mkt_resize(database->statements, bytes);
  if (moved == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  database->statements = moved;
  return MKT_OK;
}

mkt_code mkt_sqlite_prepare(mkt_sqlite *database, const char *sql, size_t n, int *number,
                            mkt_error *error) {
  mkt_code code = mkt_sqlite_check(database, "read", error);
  if (code == MKT_OK) code = make_room(database, error);
  if (code != MKT_OK) return code;
  sqlite3_stmt *statement = NULL;
  const char *rest = sql;
  int result =
      sqlite3_prepare_v3(database->db, sql, (int)n, SQLITE_PREPARE_PERSISTENT, &statement, &rest);
  if (result != SQLITE_OK) return mkt_sqlite_fail(database, result, "read", error);
  size_t left = n - (size_t)(rest - sql);
  if (statement == NULL || strspn(rest, " \t\n;") != left) {
    (void)sqlite3_finalize(statement);
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "one statement is expected: %.100s", sql);
  }
  database->statements[database->count++] = statement;
  *number = database->count;
  return MKT_OK;
}

sqlite3_stmt *mkt_sqlite_statement(const mkt_sqlite *database, int number) {
  return number >= 1 && number <= database->count ? database->statements[number - 1] : NULL;
}

mkt_code mkt_sqlite_start(mkt_sqlite *database, sqlite3_stmt *statement, mkt_error *error) {
  mkt_code code = mkt_sqlite_check_time(database, doing(statement), error);
  if (code != MKT_OK) return code;
  mkt_sqlite_settle(database);
  database->active = statement;
  return MKT_OK;
}

mkt_code mkt_sqlite_finish(mkt_sqlite *database, mkt_error *error) {
  sqlite3_stmt *statement = database->active;
  database->active = NULL;
  int result = sqlite3_reset(statement);
  return result == SQLITE_OK ? MKT_OK : mkt_sqlite_fail(database, result, doing(statement), error);
}

mkt_code mkt_sqlite_step(mkt_sqlite *database, bool *has_row, mkt_error *error) {
  *has_row = sqlite3_step(database->active) == SQLITE_ROW;
  return *has_row ? MKT_OK : mkt_sqlite_finish(database, error);
}
