/* connection.h: a connection to a PostgreSQL server, for the inbox alone, on libpq.
 *
 * libpq never waits here: it reads and writes what it can, and mkt_postgres_wait waits, up to the
 * deadline. Only names are resolved by libpq while everything else waits: the system's resolver
 * bounds that. A connection that is open is in libpq's pipeline mode.
 *
 * Results are MKT_ERR_CONNECT_FAILED if there is no connection, or not any more;
 * MKT_ERR_INBOX_UNAVAILABLE if the server refuses a statement; MKT_ERR_TIMEOUT if the deadline
 * passed; MKT_ERR_OUT_OF_MEMORY. After mkt_postgres_settle a connection that was lost, or
 * on which something was waited for in vain, is closed: what the server made of the last statements
 * is not known then.
 *
 * After a fork a connection belongs to the process that made it; the other one gets an error, and
 * its close sends nothing.
 */
#ifndef MKT_POSTGRES_CONNECTION_H
#define MKT_POSTGRES_CONNECTION_H

#include "core/error.h"

#include <libpq-fe.h>
#include <stdint.h>

enum {
  MKT_POSTGRES_ADDRESS_BYTES = 128,
  MKT_POSTGRES_WARNING_BYTES = 128,
  MKT_POSTGRES_MOST_STATEMENTS = 1000,
};

/* Zero it before use. */
typedef struct mkt_postgres {
  PGconn *connection;       /* NULL if it is closed */
  int64_t pid;              /* of the process that made it */
  double seconds, deadline; /* the limit, and when by the monotonic clock it ends */
  PGresult **statements;    /* what describes each; owned, as each of them */
  int count;
  int pending;                              /* results that were not read yet */
  int deferred;                             /* how many of the first of them nobody wants */
  PGresult *result;                         /* of the statement that was read last; owned */
  char address[MKT_POSTGRES_ADDRESS_BYTES]; /* for messages; empty if libpq has none */
  char warning[MKT_POSTGRES_WARNING_BYTES]; /* the last one since something was sent, or empty */
} mkt_postgres;

/* Connects to one server. The words and values are libpq's, and both lists end with NULL. The
 * deadline is `seconds` from now. */
mkt_code mkt_postgres_open(mkt_postgres *postgres, const char *const *words,
                           const char *const *values, double seconds, mkt_error *error);

/* The deadline, from now, of all that follows. */
void mkt_postgres_limit(mkt_postgres *postgres, double seconds);

/* Whether it is open, and this process's. */
mkt_code mkt_postgres_check(const mkt_postgres *postgres, mkt_error *error);

/* Idempotent. Does not wait for the server, which rolls back what was not committed. */
void mkt_postgres_close(mkt_postgres *postgres);

#endif
