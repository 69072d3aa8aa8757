/* pem_key.h: keys of any kind in PEM, and what is wrong with a text that is none. */
#ifndef MKT_PEM_KEY_H
#define MKT_PEM_KEY_H

#include "error.h"

#include <stddef.h>

enum { MKT_PEM_KEY_MOST = 65536 }; /* bytes of PEM that are read */

struct evp_pkey_st;

/* Reads a key, of which is_private says whether it has to be a private one. On success *pkey is the
 * caller's, to be freed with EVP_PKEY_free, else it is NULL. MKT_ERR_KEY_INVALID says what is wrong
 * with it, and never what it holds: no PEM, encrypted, damaged; MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_pem_key_read(struct evp_pkey_st **pkey, const char *pem, size_t n, bool is_private,
                          mkt_error *error);

/* Frees a key that will not do, and says why: MKT_ERR_KEY_INVALID. */
mkt_code mkt_pem_key_refuse(struct evp_pkey_st **pkey, mkt_error *error, const char *why);

#endif
