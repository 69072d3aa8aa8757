#include "pem_key.h"

#include "key_problem.h"
#include "openssl_error.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

/* OpenSSL asks here for a passphrase: that it asks is all that is wanted. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is OpenSSL's */
static int note_passphrase(char *buffer, int size, int writing, void *was_asked) {
  (void)buffer;
  (void)size;
  (void)writing;
  *(bool *)was_asked = true;
  return -1;
}

mkt_code mkt_pem_key_refuse(EVP_PKEY **pkey, mkt_error *error, const char *why) {
  ERR_clear_error();
  EVP_PKEY_free(*pkey);
  *pkey = NULL;
  return mkt_fail(error, MKT_ERR_KEY_INVALID, "%s", why);
}

mkt_code mkt_pem_key_read(EVP_PKEY **pkey, const char *pem, size_t n, bool is_private,
                          mkt_error *error) {
  bool asked = false;
  *pkey = NULL;
  if (n > MKT_PEM_KEY_MOST)
    return mkt_pem_key_refuse(pkey, error, "the key is larger than any key");
  BIO *bio = BIO_new_mem_buf(pem, (int)n);
  if (bio == NULL) return mkt_fail_openssl(error, MKT_ERR_OUT_OF_MEMORY, "reading the key");
  *pkey = is_private ? PEM_read_bio_PrivateKey(bio, NULL, note_passphrase, &asked)
                     : PEM_read_bio_PUBKEY(bio, NULL, note_passphrase, &asked);
  BIO_free(bio);
  if (*pkey != NULL) return MKT_OK;
  if (asked) {
    return mkt_pem_key_refuse(pkey, error,
                              "the key is encrypted: it is needed without a passphrase");
  }
  return mkt_pem_key_refuse(pkey, error, mkt_key_problem(pem, n, is_private));
}
