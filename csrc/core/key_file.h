/* key_file.h: a private key from a file, without a copy of it that stays in memory. */
#ifndef MKT_KEY_FILE_H
#define MKT_KEY_FILE_H

#include "pem_key.h"

/* As mkt_pem_key_read of a private key, for a file of at most MKT_PEM_KEY_MOST bytes.
 * MKT_ERR_KEY_INVALID also if the file cannot be read. */
mkt_code mkt_key_file_read(struct evp_pkey_st **pkey, const char *path, mkt_error *error);

#endif
