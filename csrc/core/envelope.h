/* envelope.h: what a device sends to a licence server: a text that is encrypted with AES-128-CBC
 * and PKCS #7 padding, and the key and initialization vector of that, encrypted with RSA-3072,
 * OAEP, SHA-256 and MGF1 of SHA-256. Source: Apple, "Licensing alternative distribution apps".
 *
 * The format has nothing that proves who sealed it, or that all of it arrived: whoever has the
 * certificate can seal, and whoever can change what is sealed can change the text.
 */
#ifndef MKT_ENVELOPE_H
#define MKT_ENVELOPE_H

#include "envelope_key.h"

enum {
  MKT_ENVELOPE_SECRET_BYTES = 32, /* the AES key, then the initialization vector */
  MKT_ENVELOPE_BLOCK_BYTES = 16,
  MKT_ENVELOPE_TEXT_MOST = 1 << 20 /* bytes of a text, or of one that is sealed */
};

/* How long a text of n bytes becomes. */
size_t mkt_envelope_sealed_length(size_t n);

/* Seals a text, as a device does. sealed: room for mkt_envelope_sealed_length(n) bytes. secret: 32
 * bytes, never to be used twice; NULL: random ones. MKT_OK, MKT_ERR_TOO_LARGE or
 * MKT_ERR_CRYPTO_FAILED. */
mkt_code mkt_envelope_seal(const mkt_envelope_key *key, const unsigned char *secret,
                           const unsigned char *text, size_t n,
                           unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES], unsigned char *sealed,
                           mkt_error *error);

/* Opens what somebody has sealed. text: room for sealed_n bytes, *n of which are the text. The
 * caller wipes them.
 *
 * MKT_ERR_ENVELOPE_INVALID says what is wrong, which nobody outside must learn: whoever may ask
 * again and again whether a padding is right can read what others have sealed. So that neither the
 * answer nor its time tells, a text of random bytes takes the place of one that cannot be opened,
 * after the same work, and the caller goes on with it as with a right one (*n > 0). Only if the
 * sizes are wrong, which everybody can see, there is none (*n == 0).
 *
 * MKT_ERR_CRYPTO_FAILED, MKT_ERR_OUT_OF_MEMORY: nothing is known of it; *n == 0. */
mkt_code mkt_envelope_open(const mkt_envelope_key *key, const unsigned char *wrapped,
                           size_t wrapped_n, const unsigned char *sealed, size_t sealed_n,
                           unsigned char *text, size_t *n, mkt_error *error);

#endif
