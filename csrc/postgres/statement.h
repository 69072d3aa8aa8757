/* statement.h: a connection's prepared statements.
 *
 * Statements are queued, and go to the server together: that takes one exchange. The first that
 * fails ends those behind it. Results come in the order of the statements.
 */
#ifndef MKT_POSTGRES_STATEMENT_H
#define MKT_POSTGRES_STATEMENT_H

#include "postgres/connection.h"

enum { MKT_POSTGRES_MOST_PARAMETERS = 128 };

/* Values in the server's binary form. A NULL is NULL. */
typedef struct mkt_postgres_values {
  const char *p[MKT_POSTGRES_MOST_PARAMETERS];
  int n[MKT_POSTGRES_MOST_PARAMETERS];
} mkt_postgres_values;

/* Its number, from 1, which stays good until the connection is closed. */
mkt_code mkt_postgres_prepare(mkt_postgres *postgres, const char *sql, int *number,
                              mkt_error *error);

/* What describes a statement's parameters and columns (PQparamtype, PQftype, PQfname), or NULL if
 * there is no such number. Borrowed: the connection owns it. */
const PGresult *mkt_postgres_statement(const mkt_postgres *postgres, int number);

/* Queues a statement that was prepared. The values are copied. */
mkt_code mkt_postgres_queue(mkt_postgres *postgres, int number, const mkt_postgres_values *values,
                            mkt_error *error);

/* Queues a statement without parameters that goes to the server with what is queued next. Its
 * result is not read by the caller; if it fails, so does the next one. */
mkt_code mkt_postgres_defer(mkt_postgres *postgres, int number, mkt_error *error);

/* Ends the queue, and begins to send it. */
mkt_code mkt_postgres_send(mkt_postgres *postgres, mkt_error *error);

/* Reads the next statement's result into postgres->result. If the statement failed, nothing of the
 * queue is left. */
mkt_code mkt_postgres_read(mkt_postgres *postgres, mkt_error *error);

/* Once all results were read. */
mkt_code mkt_postgres_finish(mkt_postgres *postgres, mkt_error *error);

/* Drops the last result. If anything but what was deferred is left of a queue, its results would be
 * taken for those of the next one: then the connection is closed. */
void mkt_postgres_settle(mkt_postgres *postgres);

#endif
