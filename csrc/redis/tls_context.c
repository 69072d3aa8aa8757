#include "redis/tls_context.h"

#include "core/openssl_error.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* OpenSSL has no words for what the system says of a file. */
static mkt_code fail_with_file(const char *what, const char *path, mkt_error *error) {
  char said[MKT_ERROR_MESSAGE_BYTES];
  if (access(path, R_OK) == 0) {
    (void)snprintf(said, sizeof said, "%s %.120s", what, path);
    return mkt_fail_openssl(error, MKT_ERR_TLS_FAILED, said);
  }
  int why = errno;
  ERR_clear_error();
  return mkt_fail(error, MKT_ERR_TLS_FAILED, "%s %.120s: %s", what, path, strerror(why));
}

/* OpenSSL would ask at the terminal, while everything waits. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL calls it */
static int no_passphrase(char *out, int capacity, int is_writing, void *context) {
  (void)out;
  (void)capacity;
  (void)is_writing;
  (void)context;
  return -1;
}

static mkt_code trust(SSL_CTX *context, const char *ca, mkt_error *error) {
  if (ca == NULL) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return MKT_OK;
    return mkt_fail_openssl(error, MKT_ERR_TLS_FAILED, "the system's authorities");
  }
  if (SSL_CTX_load_verify_file(context, ca) == 1) return MKT_OK;
  return fail_with_file("the authorities' certificates", ca, error);
}

static mkt_code use_certificate(SSL_CTX *context, const mkt_redis_options *options,
                                mkt_error *error) {
  if (options->cert == NULL) return MKT_OK;
  if (SSL_CTX_use_certificate_chain_file(context, options->cert) != 1) {
    return fail_with_file("the client's certificate", options->cert, error);
  }
  const char *key = options->key != NULL ? options->key : options->cert;
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  /* this also finds out whether it is the certificate's */
  if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1) return MKT_OK;
  return fail_with_file("the client's key", key, error);
}

static mkt_code configure(SSL_CTX *context, const mkt_redis_options *options, mkt_error *error) {
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
    return mkt_fail_openssl(error, MKT_ERR_TLS_FAILED, "TLS 1.2");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  /* an answer says itself where it ends, and Redis says no farewell */
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  mkt_code code = trust(context, options->ca, error);
  return code == MKT_OK ? use_certificate(context, options, error) : code;
}

mkt_code mkt_redis_tls_context(SSL_CTX **out, const mkt_redis_options *options, mkt_error *error) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (context == NULL) return mkt_fail_openssl(error, MKT_ERR_OUT_OF_MEMORY, "TLS");
  mkt_code code = configure(context, options, error);
  if (code == MKT_OK) {
    *out = context;
  } else {
    SSL_CTX_free(context);
  }
  return code;
}
