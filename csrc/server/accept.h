/* accept.h: what libmicrohttpd calls as connections come and go. */
#ifndef MKT_ACCEPT_H
#define MKT_ACCEPT_H

#include "server/internal.h"

/* The callbacks; cls is the mkt_server. */
enum MHD_Result mkt_accept_admit(void *cls, const struct sockaddr *address, socklen_t size);
void mkt_accept_notify(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode code);
void mkt_accept_completed(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_RequestTerminationCode why);

#endif
