#include "postgres/statement.h"

#include "core/alloc.h"
#include "postgres/failure.h"
#include "postgres/wait.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 16, BINARY = 1, SYNC = 1 };

static void write_name(char *name, int number) {
  (void)snprintf(name, NAME_BYTES, "m%d", number);
}

static mkt_code make_room(mkt_postgres *postgres, mkt_error *error) {
  if (postgres->count == MKT_POSTGRES_MOST_STATEMENTS) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "too many statements are prepared");
  }
  size_t bytes = (size_t)(postgres->count + 1) * sizeof(PGresult *);
  PGresult **moved = mkt_resize(postgres->statements, bytes);
  if (moved == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  postgres->statements = moved;
  return MKT_OK;
}

mkt_code mkt_postgres_send(mkt_postgres *postgres, mkt_error *error) {
  postgres->warning[0] = '\0';
  if (!PQpipelineSync(postgres->connection)) return mkt_postgres_fail(postgres, error);
  postgres->pending += SYNC;
  return MKT_OK;
}

/* What PQgetResult returns; NULL at the end of a statement's results. */
static mkt_code next_result(mkt_postgres *postgres, PGresult **result, mkt_error *error) {
  mkt_code code = mkt_postgres_wait_for_result(postgres, error);
  if (code == MKT_OK) *result = PQgetResult(postgres->connection);
  return code;
}

mkt_code mkt_postgres_finish(mkt_postgres *postgres, mkt_error *error) {
  PGresult *result = NULL;
  mkt_code code = next_result(postgres, &result, error);
  if (code != MKT_OK) return code;
  if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
    postgres->pending -= SYNC;
  } else {
    code = mkt_postgres_fail_result(postgres, result, error);
  }
  PQclear(result);
  return code;
}

static mkt_code read_one(mkt_postgres *postgres, PGresult **result, mkt_error *error) {
  PGresult *end = NULL;
  mkt_code code = next_result(postgres, result, error);
  if (code != MKT_OK) return code;
  if (*result == NULL) return mkt_postgres_fail_result(postgres, NULL, error);
  code = next_result(postgres, &end, error);
  if (code == MKT_OK && end != NULL) code = mkt_postgres_fail_result(postgres, end, error);
  if (code == MKT_OK) postgres->pending--;
  PQclear(end);
  return code;
}

/* Reads what is left after a statement that failed. What comes is not looked at. */
static void drain(mkt_postgres *postgres) {
  postgres->deferred = 0;
  while (postgres->pending > SYNC) {
    PGresult *result = NULL;
    mkt_code code = read_one(postgres, &result, NULL);
    PQclear(result);
    if (code != MKT_OK) return;
  }
  (void)mkt_postgres_finish(postgres, NULL);
}

/* A commit that no longer waits for the standbys, as somebody cancelled it, succeeds with a
 * warning: they may lack what it has written. */
static mkt_code check_commit(const mkt_postgres *postgres, mkt_error *error) {
  bool is_commit = strcmp(PQcmdStatus(postgres->result), "COMMIT") == 0;
  if (!is_commit || postgres->warning[0] == '\0') return MKT_OK;
  return mkt_postgres_fail_warned(postgres, error);
}

static mkt_code read_checked(mkt_postgres *postgres, mkt_error *error) {
  PQclear(postgres->result);
  postgres->result = NULL;
  mkt_code code = read_one(postgres, &postgres->result, error);
  if (code != MKT_OK) return code;
  ExecStatusType status = PQresultStatus(postgres->result);
  bool is_done = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
  code = is_done ? check_commit(postgres, error)
                 : mkt_postgres_fail_result(postgres, postgres->result, error);
  if (code == MKT_OK) return MKT_OK;
  drain(postgres);
  return code;
}

mkt_code mkt_postgres_read(mkt_postgres *postgres, mkt_error *error) {
  while (postgres->deferred > 0) {
    mkt_code code = read_checked(postgres, error);
    if (code != MKT_OK) return code;
    postgres->deferred--;
  }
  return read_checked(postgres, error);
}

static mkt_code read_description(mkt_postgres *postgres, mkt_error *error) {
  mkt_code code = mkt_postgres_send(postgres, error);
  if (code == MKT_OK) code = mkt_postgres_read(postgres, error);
  if (code == MKT_OK) code = mkt_postgres_read(postgres, error);
  if (code == MKT_OK) code = mkt_postgres_finish(postgres, error);
  if (code == MKT_OK && PQnparams(postgres->result) > MKT_POSTGRES_MOST_PARAMETERS) {
    return mkt_fail(error, MKT_ERR_INBOX_UNAVAILABLE, "a statement has too many parameters");
  }
  return code;
}

mkt_code mkt_postgres_prepare(mkt_postgres *postgres, const char *sql, int *number,
                              mkt_error *error) {
  mkt_code code = mkt_postgres_check(postgres, error);
  if (code == MKT_OK) code = mkt_postgres_check_time(postgres, error);
  if (code == MKT_OK) code = make_room(postgres, error);
  if (code != MKT_OK) return code;
  char name[NAME_BYTES];
  write_name(name, postgres->count + 1);
  if (!PQsendPrepare(postgres->connection, name, sql, 0, NULL)) {
    return mkt_postgres_fail(postgres, error);
  }
  postgres->pending++;
  if (!PQsendDescribePrepared(postgres->connection, name))
    return mkt_postgres_fail(postgres, error);
  postgres->pending++;
  code = read_description(postgres, error);
  if (code != MKT_OK) return code;
  postgres->statements[postgres->count++] = postgres->result;
  postgres->result = NULL;
  *number = postgres->count;
  return MKT_OK;
}

const PGresult *mkt_postgres_statement(const mkt_postgres *postgres, int number) {
  bool is_there = number >= 1 && number <= postgres->count;
  return is_there ? postgres->statements[number - 1] : NULL;
}

mkt_code mkt_postgres_queue(mkt_postgres *postgres, int number, const mkt_postgres_values *values,
                            mkt_error *error) {
  mkt_code code = mkt_postgres_check_time(postgres, error);
  if (code != MKT_OK) return code;
  int formats[MKT_POSTGRES_MOST_PARAMETERS];
  int count = PQnparams(postgres->statements[number - 1]);
  for (int i = 0; i < count; i++)
    formats[i] = BINARY;
  char name[NAME_BYTES];
  write_name(name, number);
  if (!PQsendQueryPrepared(postgres->connection, name, count, values->p, values->n, formats,
                           BINARY)) {
    return mkt_postgres_fail(postgres, error);
  }
  postgres->pending++;
  return MKT_OK;
}

mkt_code mkt_postgres_defer(mkt_postgres *postgres, int number, mkt_error *error) {
  const mkt_postgres_values none = {{NULL}, {0}};
  mkt_code code = mkt_postgres_queue(postgres, number, &none, error);
  if (code == MKT_OK) postgres->deferred++;
  return code;
}

void mkt_postgres_settle(mkt_postgres *postgres) {
  PQclear(postgres->result);
  postgres->result = NULL;
  if (postgres->pending > postgres->deferred) mkt_postgres_close(postgres);
}
