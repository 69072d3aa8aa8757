/* wait.h: waits for the server, up to the deadline. */
#ifndef MKT_POSTGRES_WAIT_H
#define MKT_POSTGRES_WAIT_H

#include "postgres/connection.h"

/* MKT_ERR_TIMEOUT if the deadline has passed. */
mkt_code mkt_postgres_check_time(const mkt_postgres *postgres, mkt_error *error);

/* Whether the server still has the session, as far as it told: reads what came since the last
 * exchange, and takes one that goes on and on for useless. Does not wait. */
bool mkt_postgres_is_alive(const mkt_postgres *postgres);

/* Until the socket is ready for one of poll's events. MKT_ERR_TIMEOUT. */
mkt_code mkt_postgres_wait(const mkt_postgres *postgres, short events, mkt_error *error);

/* Sends what libpq still has to send, and reads, until PQgetResult has something to return. */
mkt_code mkt_postgres_wait_for_result(const mkt_postgres *postgres, mkt_error *error);

#endif
