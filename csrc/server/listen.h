/* listen.h: the listening socket and the room for its connections. */
#ifndef MKT_LISTEN_H
#define MKT_LISTEN_H

#include "server/server.h"

/* A listening, non-blocking socket in *fd, owned by the caller; or MKT_ERR_LISTEN_FAILED with the
 * address and the system's reason. A host unix:PATH is a Unix socket: the file of one at which
 * nobody listens any more is replaced, and the caller removes its own. */
mkt_code mkt_listen(const char *host, uint16_t port, int *fd, mkt_error *error);

/* The address that a socket is bound to, numeric, and its port; of a Unix socket "unix" and 0. */
mkt_code mkt_listen_address(int fd, char host[MKT_SERVER_ADDRESS_BYTES], uint16_t *port,
                            mkt_error *error);

/* Raises the process's soft limit of open files to `needed`, if it is lower. */
mkt_code mkt_listen_make_room(size_t needed, mkt_error *error);

#endif
