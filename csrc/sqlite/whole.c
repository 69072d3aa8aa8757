#include "sqlite/whole.h"

#include "sqlite/failure.h"
#include "sqlite/transaction.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct finding {
  char text[150];
} finding;

static int note_finding(void *context, int count, char **values, char **names) {
  (void)names;
  finding *found = context;
  const char *text = count == 1 && values[0] != NULL ? values[0] : "";
  (void)snprintf(found->text, sizeof found->text, "%s", text);
  for (char *p = found->text; *p != '\0'; p++) {
    if (*p == '\n') *p = ' ';
  }
  return 0;
}

mkt_code mkt_sqlite_quick_check(mkt_sqlite *database, mkt_error *error) {
  mkt_code code = mkt_sqlite_check(database, "read", error);
  if (code != MKT_OK) return code;
  finding found = {""};
  double deadline = database->deadline;
  database->deadline = INFINITY;
  int result = sqlite3_exec(database->db, "PRAGMA quick_check(1)", note_finding, &found, NULL);
  database->deadline = deadline;
  if (result != SQLITE_OK) return mkt_sqlite_fail(database, result, "read", error);
  if (strcmp(found.text, "ok") == 0) return MKT_OK;
  return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "%s is damaged: %s", database->name,
                  found.text);
}

/* A log that begins with what was in the other one before, and not with the copy, is known to
 * belong to its file: see log.h. */
static mkt_code begin_log(mkt_sqlite *other, mkt_error *error) {
  mkt_code code = mkt_sqlite_begin(other, error);
  if (code != MKT_OK) return code;
  other->changes--;
  return mkt_sqlite_commit(other, error);
}

/* A step of no page only begins the transaction. */
static mkt_code copy_pages(sqlite3_backup *backup, const mkt_sqlite_before_copy *before,
                           mkt_error *error) {
  if (sqlite3_backup_step(backup, 0) != SQLITE_OK) return MKT_OK;
  mkt_code code = before->run != NULL ? before->run(before->context, error) : MKT_OK;
  if (code == MKT_OK) (void)sqlite3_backup_step(backup, -1);
  return code;
}

mkt_code mkt_sqlite_copy(mkt_sqlite *database, mkt_sqlite *other,
                         const mkt_sqlite_before_copy *before, mkt_error *error) {
  mkt_code code = mkt_sqlite_check(database, "read", error);
  if (code == MKT_OK) code = begin_log(other, error);
  if (code != MKT_OK) return code;
  sqlite3_backup *backup = sqlite3_backup_init(other->db, "main", database->db, "main");
  if (backup == NULL) {
    return mkt_sqlite_fail(other, sqlite3_extended_errcode(other->db), "write to", error);
  }
  code = copy_pages(backup, before, error);
  int result = sqlite3_backup_finish(backup); /* of what failed, if a step did */
  if (code != MKT_OK) return code;
  if (result != SQLITE_OK) return mkt_sqlite_fail(other, result, "write to", error);
  return mkt_sqlite_identity_check(&other->identity, other->name, error);
}
