#include "postgres/connection.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "postgres/failure.h"
#include "postgres/wait.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void mkt_postgres_limit(mkt_postgres *postgres, double seconds) {
  postgres->seconds = seconds;
  postgres->deadline = mkt_clock_monotonic() + seconds;
}

mkt_code mkt_postgres_check(const mkt_postgres *postgres, mkt_error *error) {
  if (postgres->connection == NULL) {
    return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "the connection to PostgreSQL is closed");
  }
  if (postgres->pid == getpid()) return MKT_OK;
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED,
                  "the connection to PostgreSQL belongs to another process");
}

/* Notices are for a person at a terminal, and libpq would write them to stderr: only a commit is
 * asked whether the server has warned of something. */
static void note_warning(void *context, const PGresult *notice) {
  mkt_postgres *postgres = context;
  const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  const char *said = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
  if (severity == NULL || strcmp(severity, "WARNING") != 0 || said == NULL) return;
  (void)snprintf(postgres->warning, sizeof postgres->warning, "%s", said);
}

static mkt_code complete(mkt_postgres *postgres, mkt_error *error) {
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) return mkt_postgres_fail_connect(postgres, error);
    short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    mkt_code code = mkt_postgres_wait(postgres, events, error);
    if (code != MKT_OK) return code;
    status = PQconnectPoll(postgres->connection);
    mkt_postgres_note_address(postgres);
  }
  return MKT_OK;
}

static mkt_code try_to_open(mkt_postgres *postgres, const char *const *words,
                            const char *const *values, mkt_error *error) {
  postgres->connection = PQconnectStartParams(words, values, 0);
  if (postgres->connection == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  (void)PQsetNoticeReceiver(postgres->connection, note_warning, postgres);
  mkt_postgres_note_address(postgres);
  if (PQstatus(postgres->connection) == CONNECTION_BAD) {
    return mkt_postgres_fail_connect(postgres, error);
  }
  mkt_code code = complete(postgres, error);
  if (code != MKT_OK) return code;
  bool is_ready = PQsetnonblocking(postgres->connection, 1) == 0 &&
                  PQenterPipelineMode(postgres->connection) == 1;
  return is_ready ? MKT_OK : mkt_postgres_fail_connect(postgres, error);
}

mkt_code mkt_postgres_open(mkt_postgres *postgres, const char *const *words,
                           const char *const *values, double seconds, mkt_error *error) {
  postgres->pid = getpid();
  mkt_postgres_limit(postgres, seconds);
  mkt_code code = try_to_open(postgres, words, values, error);
  if (code != MKT_OK) mkt_postgres_close(postgres);
  return code;
}

/* Has libpq's farewell to the server go nowhere: the server would end the session of the process
 * that made the connection. */
static void disown(const mkt_postgres *postgres) {
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  int socket = PQsocket(postgres->connection);
  if (nowhere >= 0 && socket >= 0) (void)dup2(nowhere, socket);
  if (nowhere >= 0) (void)close(nowhere);
}

void mkt_postgres_close(mkt_postgres *postgres) {
  if (postgres->connection == NULL) return;
  PQclear(postgres->result);
  for (int i = 0; i < postgres->count; i++)
    PQclear(postgres->statements[i]);
  mkt_free(postgres->statements);
  if (postgres->pid != getpid()) disown(postgres);
  PQfinish(postgres->connection);
  *postgres = (mkt_postgres){0};
}
