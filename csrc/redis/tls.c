#include "redis/tls.h"

#include "core/openssl_error.h"
#include "core/openssl_version.h"
#include "core/sigpipe.h"
#include "redis/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>

/* What made an operation of OpenSSL's fail: its error queue or, if that is empty, `why`, of errno.
 */
static mkt_code fail(SSL *tls, int error_kind, int why, mkt_error *error) {
  long verdict = SSL_get_verify_result(tls);
  if (verdict != X509_V_OK) {
    ERR_clear_error();
    return mkt_fail(error, MKT_ERR_TLS_FAILED, "certificate verify failed: %s",
                    X509_verify_cert_error_string(verdict));
  }
  if (error_kind == SSL_ERROR_SSL) return mkt_fail_openssl(error, MKT_ERR_TLS_FAILED, "TLS");
  ERR_clear_error();
  bool is_closed = error_kind == SSL_ERROR_ZERO_RETURN || why == 0;
  return mkt_fail(error, MKT_ERR_CONNECT_FAILED, "%s",
                  is_closed ? "the server closed the connection" : strerror(why));
}

typedef struct task {
  const char *sent; /* or else */
  char *received;   /* or else it is the handshake */
  size_t n;
} task;

static int attempt(SSL *tls, const task *todo, size_t *n) {
  if (todo->sent != NULL) return SSL_write_ex(tls, todo->sent, todo->n, n);
  if (todo->received != NULL) return SSL_read_ex(tls, todo->received, todo->n, n);
  return SSL_connect(tls);
}

static mkt_code go_on(SSL *tls, const task *todo, mkt_redis_progress *progress, mkt_error *error) {
  *progress = (mkt_redis_progress){0};
  const mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  ERR_clear_error(); /* what others left would be taken for ours */
  errno = 0;
  int result = attempt(tls, todo, &progress->n);
  int why = errno;
  int kind = result == 1 ? SSL_ERROR_NONE : SSL_get_error(tls, result);
  mkt_sigpipe_release(&guard);
  if (kind == SSL_ERROR_NONE) return MKT_OK;
  if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE) {
    return fail(tls, kind, why, error);
  }
  progress->n = 0;
  progress->events = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
  return MKT_OK;
}

mkt_code mkt_redis_tls_send(SSL *tls, const char *p, size_t n, mkt_redis_progress *progress,
                            mkt_error *error) {
  return go_on(tls, &(task){.sent = p, .n = n}, progress, error);
}

mkt_code mkt_redis_tls_receive(SSL *tls, char *out, size_t capacity, mkt_redis_progress *progress,
                               mkt_error *error) {
  return go_on(tls, &(task){.received = out, .n = capacity}, progress, error);
}

/* An address is looked for among the certificate's addresses, and is not sent as a name. */
static bool expect_host(SSL *tls, const char *host) {
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1) return true;
  ERR_clear_error();
  SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(tls, host) == 1 && SSL_set_tlsext_host_name(tls, host) == 1;
}

static mkt_code shake_hands(SSL *tls, int socket, mkt_redis_deadline deadline, mkt_error *error) {
  for (;;) {
    mkt_redis_progress progress;
    mkt_code code = go_on(tls, &(task){0}, &progress, error);
    if (code != MKT_OK || progress.events == 0) return code;
    code = mkt_redis_wait(socket, progress.events, deadline, error);
    if (code != MKT_OK) return code;
  }
}

static mkt_code make(SSL **out, const mkt_redis_options *options, mkt_error *error) {
  SSL_CTX *context = NULL;
  mkt_code code = mkt_redis_tls_context(&context, options, error);
  if (code != MKT_OK) return code;
  *out = SSL_new(context);
  SSL_CTX_free(context);
  return *out != NULL ? MKT_OK : mkt_fail_openssl(error, MKT_ERR_OUT_OF_MEMORY, "TLS");
}

mkt_code mkt_redis_tls_open(SSL **out, int socket, const mkt_redis_options *options,
                            mkt_redis_deadline deadline, mkt_error *error) {
  SSL *tls = NULL;
  mkt_code code = mkt_openssl_check(error);
  if (code == MKT_OK) code = make(&tls, options, error);
  if (code != MKT_OK) return code;
  if (SSL_set_fd(tls, socket) != 1 || !expect_host(tls, options->host)) {
    code = mkt_fail_openssl(error, MKT_ERR_TLS_FAILED, "TLS");
  } else {
    code = shake_hands(tls, socket, deadline, error);
  }
  if (code == MKT_OK) {
    *out = tls;
  } else {
    mkt_redis_tls_close(tls);
  }
  return code;
}

void mkt_redis_tls_close(SSL *tls) {
  SSL_free(tls);
}
