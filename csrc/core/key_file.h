/* key_file.h: a private key from a file, without a copy of it that stays in memory. */
#ifndef MKT_KEY_FILE_H
#define MKT_KEY_FILE_H

#include "es256.h"

/* As mkt_es256_read_private, for a file of at most MKT_ES256_PEM_MOST bytes. MKT_ERR_KEY_INVALID
 * also if the file cannot be read; MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_es256_read_private_file(mkt_es256_key *key, const char *path, mkt_error *error);

#endif
