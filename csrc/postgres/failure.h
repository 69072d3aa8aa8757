/* failure.h: what PostgreSQL or libpq refused, as an error of this project's: their own words, and
 * the server's address. They have no password in them. */
#ifndef MKT_POSTGRES_FAILURE_H
#define MKT_POSTGRES_FAILURE_H

#include "postgres/connection.h"

/* Takes the address from libpq, which may have none yet. */
void mkt_postgres_note_address(mkt_postgres *postgres);

/* The connection could not be made. */
mkt_code mkt_postgres_fail_connect(const mkt_postgres *postgres, mkt_error *error);

/* The connection was lost or, if it is there, libpq refused. */
mkt_code mkt_postgres_fail(const mkt_postgres *postgres, mkt_error *error);

/* What was done came with a warning. */
mkt_code mkt_postgres_fail_warned(const mkt_postgres *postgres, mkt_error *error);

/* The deadline passed. */
mkt_code mkt_postgres_fail_late(const mkt_postgres *postgres, mkt_error *error);

/* A result that is an error; NULL means that memory is short. */
mkt_code mkt_postgres_fail_result(const mkt_postgres *postgres, const PGresult *result,
                                  mkt_error *error);

/* Copies libpq's message as one line, cut if it is too long: without what repeats the address and
 * the severity, and without its questions to the reader, which are lines of their own. */
void mkt_postgres_copy_words(char *out, size_t capacity, const char *message);

#endif
