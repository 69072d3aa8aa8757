#include "postgres/wait.h"

#include "core/poll_until.h"
#include "postgres/failure.h"

#include <poll.h>

mkt_code mkt_postgres_check_time(const mkt_postgres *postgres, mkt_error *error) {
  bool is_late = mkt_milliseconds_until(postgres->deadline) == 0;
  return is_late ? mkt_postgres_fail_late(postgres, error) : MKT_OK;
}

enum { MOST_READS = 8 }; /* of what came meanwhile, each of up to 16 KiB */

bool mkt_postgres_is_alive(const mkt_postgres *postgres) {
  if (mkt_postgres_check(postgres, NULL) != MKT_OK) return false;
  struct pollfd watched = {.fd = PQsocket(postgres->connection), .events = POLLIN};
  for (int reads = 0; reads < MOST_READS; reads++) {
    if (poll(&watched, 1, 0) <= 0) return PQstatus(postgres->connection) == CONNECTION_OK;
    if (!PQconsumeInput(postgres->connection)) return false;
    (void)PQisBusy(postgres->connection); /* empties its buffer, which else grows */
  }
  return false;
}

mkt_code mkt_postgres_wait(const mkt_postgres *postgres, short events, mkt_error *error) {
  int ready = mkt_poll_until(PQsocket(postgres->connection), events, postgres->deadline);
  if (ready > 0) return MKT_OK;
  if (ready == 0) return mkt_postgres_fail_late(postgres, error);
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "cannot wait for PostgreSQL at %s",
                  postgres->address);
}

mkt_code mkt_postgres_wait_for_result(const mkt_postgres *postgres, mkt_error *error) {
  while (PQisBusy(postgres->connection)) {
    /* if it cannot send any more, it may still have received why */
    short events = PQflush(postgres->connection) == 1 ? POLLIN | POLLOUT : POLLIN;
    mkt_code code = mkt_postgres_wait(postgres, events, error);
    if (code != MKT_OK) return code;
    if (!PQconsumeInput(postgres->connection)) return mkt_postgres_fail(postgres, error);
  }
  return MKT_OK;
}
