/* envelope_key.h: the RSA-3072 keys that envelopes are sealed and opened with. A licence server has
 * the private one, and devices the public one, from its encryption certificate. */
#ifndef MKT_ENVELOPE_KEY_H
#define MKT_ENVELOPE_KEY_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
  MKT_ENVELOPE_KEY_BYTES = 384,         /* of RSA-3072, and of what is encrypted with it */
  MKT_ENVELOPE_CERTIFICATE_MOST = 65536 /* bytes of a certificate that are read */
};

/* Zero it before use; mkt_envelope_key_clear frees, and wipes, what it holds. Usable after a fork,
 * and by several threads at once. */
typedef struct mkt_envelope_key {
  struct evp_pkey_st *pkey;
  bool is_private;
} mkt_envelope_key;

/* Reads a private key from PEM, or from a file of it. MKT_ERR_KEY_INVALID says what is wrong with
 * it, and never what it holds: no PEM, encrypted, damaged, another kind, another size; also if the
 * file cannot be read. MKT_ERR_OUT_OF_MEMORY. */
mkt_code mkt_envelope_key_read(mkt_envelope_key *key, const char *pem, size_t n, mkt_error *error);
mkt_code mkt_envelope_key_read_file(mkt_envelope_key *key, const char *path, mkt_error *error);

/* Reads the public key of an X.509 certificate, in DER or PEM; who signed it, and whether it has
 * expired, is not looked at. Likewise. */
mkt_code mkt_envelope_key_read_certificate(mkt_envelope_key *key, const char *bytes, size_t n,
                                           mkt_error *error);

/* Whether both are of one pair. */
bool mkt_envelope_key_is_same(const mkt_envelope_key *one, const mkt_envelope_key *other);

/* Whether bytes are an X.509 certificate, in DER or PEM: MKT_OK, MKT_ERR_KEY_INVALID. */
mkt_code mkt_envelope_check_certificate(const char *bytes, size_t n, mkt_error *error);

/* Idempotent. */
void mkt_envelope_key_clear(mkt_envelope_key *key);

#endif
