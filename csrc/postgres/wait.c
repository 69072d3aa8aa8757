#include "postgres/wait.h"

#include "core/clock.h"
#include "postgres/failure.h"

#include <errno.h>
#include <math.h>
#include <poll.h>

/* What is left, rounded up: else the last millisecond would be spent looking again and again. */
static int milliseconds_left(const mkt_postgres *postgres) {
  double left = ceil((postgres->deadline - mkt_clock_monotonic()) * 1000);
  return left <= 0 ? 0 : left > 1e9 ? 1000000000 : (int)left;
}

mkt_code mkt_postgres_check_time(const mkt_postgres *postgres, mkt_error *error) {
  return milliseconds_left(postgres) > 0 ? MKT_OK : mkt_postgres_fail_late(postgres, error);
}

enum { MOST_READS = 32 }; /* of what came meanwhile, each of some kilobytes */

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
  struct pollfd watched = {.fd = PQsocket(postgres->connection), .events = events};
  for (;;) {
    int left = milliseconds_left(postgres);
    int ready = left > 0 ? poll(&watched, 1, left) : 0;
    if (ready > 0) return MKT_OK;
    if (left == 0) return mkt_postgres_fail_late(postgres, error);
    if (ready < 0 && errno != EINTR && errno != EAGAIN) {
      return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "cannot wait for PostgreSQL at %s",
                      postgres->address);
    }
  }
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
