/* options.h: where a server is, and how to reach it. */
#ifndef MKT_REDIS_OPTIONS_H
#define MKT_REDIS_OPTIONS_H

#include <stdbool.h>

/* A path, of a Unix socket, goes before host and port. Borrowed while a connection is made. */
typedef struct mkt_redis_options {
  const char *host; /* a name or an address; also the one that a certificate must have */
  int port;
  const char *path;
  bool has_tls;     /* the rest is about that; files of PEM */
  const char *ca;   /* authorities that are trusted; NULL: the system's */
  const char *cert; /* the client's, and those that lead to an authority; NULL: none */
  const char *key;  /* of the client's certificate, without a passphrase */
} mkt_redis_options;

#endif
