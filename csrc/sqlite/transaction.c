#include "sqlite/transaction.h"

#include "sqlite/failure.h"
#include "sqlite/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int note_number(void *number, int count, char **values, char **names) {
  (void)names;
  if (count == 1 && values[0] != NULL) *(long *)number = strtol(values[0], NULL, 10);
  return 0;
}

int mkt_sqlite_read_user_version(sqlite3 *db, long *number) {
  *number = 0;
  return sqlite3_exec(db, "PRAGMA user_version", note_number, number, NULL);
}

/* What is read from a log that is not the one that others write to can look like damage. */
static mkt_code explain(const mkt_sqlite *database, int result, mkt_error *error) {
  mkt_code code = MKT_OK;
  if ((result & 0xff) != SQLITE_BUSY) code = mkt_sqlite_check_log(database, error);
  return code == MKT_OK ? mkt_sqlite_fail(database, result, "write to", error) : code;
}

/* Once nobody else can write: a log that others have begun meanwhile would be mixed with this one.
 */
static mkt_code look(mkt_sqlite *database, bool *is_over, mkt_error *error) {
  long number;
  mkt_code code = mkt_sqlite_identity_check(&database->identity, database->name, error);
  if (code != MKT_OK) return code;
  int result = mkt_sqlite_read_user_version(database->db, &number);
  if (result != SQLITE_OK) return explain(database, result, error);
  return mkt_sqlite_check_contents(database, (uint32_t)number, is_over, error);
}

static mkt_code begin(mkt_sqlite *database, bool *is_over, mkt_error *error) {
  mkt_code code = mkt_sqlite_check(database, "write to", error);
  if (code != MKT_OK) return code;
  int result = sqlite3_exec(database->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  if (result == SQLITE_OK) {
    code = look(database, is_over, error);
    if (code != MKT_OK) mkt_sqlite_rollback(database);
    return code;
  }
  code = mkt_sqlite_identity_check(&database->identity, database->name, error);
  return code == MKT_OK ? explain(database, result, error) : code;
}

mkt_code mkt_sqlite_begin(mkt_sqlite *database, mkt_error *error) {
  bool is_over = false;
  mkt_code code = begin(database, &is_over, error);
  while (code == MKT_OK && is_over) {
    code = mkt_sqlite_begin_log(database, error);
    if (code == MKT_OK) code = begin(database, &is_over, error);
  }
  if (code == MKT_OK) database->changes = sqlite3_total_changes(database->db);
  return code;
}

static int count_commit(sqlite3 *db) {
  long number;
  int result = mkt_sqlite_read_user_version(db, &number);
  if (result != SQLITE_OK) return result;
  char statement[64];
  (void)snprintf(statement, sizeof statement, "PRAGMA user_version = %ld",
                 (long)(int32_t)mkt_sqlite_count((uint32_t)number));
  return sqlite3_exec(db, statement, NULL, NULL, NULL);
}

static int commit(mkt_sqlite *database) {
  int result = SQLITE_OK;
  /* one that has changed nothing is to write nothing */
  if (sqlite3_total_changes(database->db) != database->changes) result = count_commit(database->db);
  return result == SQLITE_OK ? sqlite3_exec(database->db, "COMMIT", NULL, NULL, NULL) : result;
}

mkt_code mkt_sqlite_commit(mkt_sqlite *database, mkt_error *error) {
  mkt_code code = mkt_sqlite_check(database, "write to", error);
  if (code == MKT_OK) {
    int result = commit(database);
    if (result != SQLITE_OK) code = mkt_sqlite_fail(database, result, "write to", error);
  }
  if (code != MKT_OK) {
    mkt_sqlite_rollback(database);
    return code;
  }
  return mkt_sqlite_identity_check(&database->identity, database->name, error);
}

void mkt_sqlite_rollback(mkt_sqlite *database) {
  if (mkt_sqlite_check_owner(database, NULL) != MKT_OK) return;
  if (sqlite3_get_autocommit(database->db)) return;
  double deadline = database->deadline;
  database->deadline = INFINITY;
  (void)sqlite3_exec(database->db, "ROLLBACK", NULL, NULL, NULL);
  database->deadline = deadline;
}
