#include "server/tls.h"

#include "core/alloc.h"

#include <gnutls/x509.h>
#include <stdint.h>
#include <string.h>

static gnutls_datum_t datum(const char *text) {
  return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text, .size = (unsigned)strlen(text)};
}

static int read_certificates(const gnutls_datum_t *cert, int64_t *expires_at) {
  gnutls_x509_crt_t *list = NULL;
  unsigned count = 0;
  int failed = gnutls_x509_crt_list_import2(&list, &count, cert, GNUTLS_X509_FMT_PEM, 0);
  if (failed < 0) return failed;
  *expires_at = (int64_t)gnutls_x509_crt_get_expiration_time(list[0]);
  for (unsigned i = 0; i < count; i++)
    gnutls_x509_crt_deinit(list[i]);
  gnutls_free(list);
  return GNUTLS_E_SUCCESS;
}

static int read_key(const gnutls_datum_t *key) {
  gnutls_x509_privkey_t parsed;
  int failed = gnutls_x509_privkey_init(&parsed);
  if (failed < 0) return failed;
  failed = gnutls_x509_privkey_import2(parsed, key, GNUTLS_X509_FMT_PEM, NULL, 0);
  gnutls_x509_privkey_deinit(parsed);
  return failed;
}

static int match(gnutls_certificate_credentials_t *credentials, const gnutls_datum_t *cert,
                 const gnutls_datum_t *key) {
  int failed = gnutls_certificate_allocate_credentials(credentials);
  if (failed < 0) return failed;
  failed = gnutls_certificate_set_x509_key_mem(*credentials, cert, key, GNUTLS_X509_FMT_PEM);
  if (failed < 0) gnutls_certificate_free_credentials(*credentials);
  return failed;
}

static mkt_code fail(mkt_error *error, const char *what, int gnutls_code) {
  return mkt_fail(error, MKT_ERR_TLS_FAILED, "%s: %s", what, gnutls_strerror(gnutls_code));
}

static mkt_code read(mkt_certificate *certificate, const char *cert, const char *key,
                     mkt_error *error) {
  const gnutls_datum_t cert_text = datum(cert);
  const gnutls_datum_t key_text = datum(key);
  int failed = read_certificates(&cert_text, &certificate->expires_at);
  if (failed < 0) return fail(error, "tls_cert is not a PEM certificate", failed);
  failed = read_key(&key_text);
  if (failed < 0) return fail(error, "tls_key is not a PEM private key", failed);
  failed = match(&certificate->credentials, &cert_text, &key_text);
  if (failed < 0) return fail(error, "tls_cert and tls_key do not belong together", failed);
  return MKT_OK;
}

mkt_code mkt_certificate_open(mkt_certificate **certificate, const char *cert, const char *key,
                              mkt_error *error) {
  mkt_certificate *opened = mkt_alloc_zero(sizeof *opened);
  *certificate = NULL;
  if (opened == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  mkt_code code = read(opened, cert, key, error);
  if (code == MKT_OK) {
    *certificate = mkt_certificate_use(opened);
  } else {
    mkt_free(opened);
  }
  return code;
}

mkt_certificate *mkt_certificate_use(mkt_certificate *certificate) {
  if (certificate != NULL) certificate->users++;
  return certificate;
}

void mkt_certificate_release(mkt_certificate *certificate) {
  if (certificate == NULL || --certificate->users > 0) return;
  gnutls_certificate_free_credentials(certificate->credentials);
  mkt_free(certificate);
}
