#include "http_certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

/* libcurl's list has lines "name:value", of which this one has the whole certificate, PEM. */
static const char *find_pem(CURL *easy) {
  static const char prefix[] = "Cert:";
  struct curl_certinfo *found = NULL;
  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &found) != CURLE_OK || found == NULL) return NULL;
  if (found->num_of_certs == 0) return NULL;
  for (const struct curl_slist *line = found->certinfo[0]; line != NULL; line = line->next) {
    if (strncmp(line->data, prefix, sizeof prefix - 1) == 0) return line->data + sizeof prefix - 1;
  }
  return NULL;
}

static X509 *read_pem(const char *pem) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  X509 *x509 = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
  BIO_free(bio);
  return x509;
}

static bool read_time(const ASN1_TIME *time, int64_t *seconds) {
  struct tm parts;
  if (ASN1_TIME_to_tm(time, &parts) != 1) return false;
  *seconds = timegm(&parts);
  return true;
}

static mkt_code add_name(mkt_buffer *names, const char *name, size_t n) {
  if (memchr(name, '\0', n) != NULL) return MKT_OK; /* no host has such a name */
  if (names->n + n + 1 > names->maximum) return MKT_OK;
  mkt_code code = mkt_buffer_append(names, name, n);
  return code == MKT_OK ? mkt_buffer_append(names, "", 1) : code;
}

static mkt_code add_general_name(mkt_buffer *names, const GENERAL_NAME *name) {
  char address[INET6_ADDRSTRLEN];
  if (name->type == GEN_DNS) {
    return add_name(names, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                    (size_t)ASN1_STRING_length(name->d.dNSName));
  }
  if (name->type != GEN_IPADD) return MKT_OK;
  const int n = ASN1_STRING_length(name->d.iPAddress);
  const int family = n == 4 ? AF_INET : AF_INET6;
  if (n != 4 && n != 16) return MKT_OK;
  if (inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof address) ==
      NULL) {
    return MKT_OK;
  }
  return add_name(names, address, strlen(address));
}

static mkt_code read_names(mkt_buffer *names, const X509 *x509) {
  mkt_buffer_init(names, MKT_HTTP_NAMES_MOST);
  GENERAL_NAMES *list = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
  mkt_code code = MKT_OK;
  for (int i = 0; i < sk_GENERAL_NAME_num(list) && code == MKT_OK; i++)
    code = add_general_name(names, sk_GENERAL_NAME_value(list, i));
  GENERAL_NAMES_free(list);
  return code;
}

mkt_code mkt_http_certificate_parse(mkt_http_certificate *certificate, const char *pem,
                                    mkt_error *error) {
  X509 *x509 = read_pem(pem);
  bool is_read = x509 != NULL && read_time(X509_get0_notBefore(x509), &certificate->starts_at) &&
                 read_time(X509_get0_notAfter(x509), &certificate->expires_at) &&
                 read_names(&certificate->names, x509) == MKT_OK;
  X509_free(x509);
  ERR_clear_error();
  if (!is_read) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  certificate->is_known = true;
  return MKT_OK;
}

mkt_code mkt_http_certificate_read(mkt_http_certificate *certificate, CURL *easy,
                                   mkt_error *error) {
  const char *pem = find_pem(easy);
  return pem != NULL ? mkt_http_certificate_parse(certificate, pem, error) : MKT_OK;
}

void mkt_http_certificate_clear(mkt_http_certificate *certificate) {
  mkt_buffer_clear(&certificate->names);
}
