#include "core/http_certificate.h"
#include "test/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* ---- Certificates that are made here ---- */

static void add(GENERAL_NAMES *to, int type, const char *bytes, int n) {
  GENERAL_NAME *name = GENERAL_NAME_new();
  ASN1_STRING *text =
      type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_STRING_type_new(V_ASN1_IA5STRING);
  assert_int_equal(ASN1_STRING_set(text, bytes, n), 1);
  GENERAL_NAME_set0_value(name, type, text);
  assert_true(sk_GENERAL_NAME_push(to, name) > 0);
}

static void add_host(GENERAL_NAMES *to, const char *host) {
  add(to, GEN_DNS, host, (int)strlen(host));
}

static X509 *make(GENERAL_NAMES *names) {
  X509 *x509 = X509_new();
  EVP_PKEY *key = EVP_EC_gen("P-256");
  assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "20260101000000Z"), 1);
  assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "99991231235959Z"), 1);
  assert_int_equal(X509_set_pubkey(x509, key), 1);
  if (sk_GENERAL_NAME_num(names) > 0) {
    assert_int_equal(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0), 1);
  }
  assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
  EVP_PKEY_free(key);
  return x509;
}

/* What is read of one for these names, which are freed. */
static mkt_http_certificate read_of(GENERAL_NAMES *names) {
  mkt_http_certificate certificate = {0};
  X509 *x509 = make(names);
  BIO *bio = BIO_new(BIO_s_mem());
  char *pem = NULL;
  assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
  assert_int_equal(BIO_write(bio, "", 1), 1);
  assert_true(BIO_get_mem_data(bio, &pem) > 0);
  assert_int_equal(mkt_http_certificate_parse(&certificate, pem, NULL), MKT_OK);
  assert_int_equal(ERR_peek_error(), 0);
  BIO_free(bio);
  X509_free(x509);
  GENERAL_NAMES_free(names);
  return certificate;
}

/* ---- What is expected ---- */

static void has_its_times(void **state) {
  (void)state;
  mkt_http_certificate certificate = read_of(GENERAL_NAMES_new());
  assert_true(certificate.is_known);
  assert_int_equal(certificate.starts_at, 1767225600);
  assert_int_equal(certificate.expires_at, 253402300799);
  assert_int_equal(certificate.names.n, 0);
  mkt_http_certificate_clear(&certificate);
  mkt_http_certificate_clear(&certificate);
}

static void has_hosts_and_addresses_and_nothing_else(void **state) {
  (void)state;
  static const char v6[16] = {[15] = 1};
  static const char expected[] = "market.example\0*.market.example\0"
                                 "192.0.2.1\0::1";
  GENERAL_NAMES *names = GENERAL_NAMES_new();
  add_host(names, "market.example");
  add(names, GEN_EMAIL, "a@b.example", 11);
  add(names, GEN_DNS, "market.example\0.other.example", 29);
  add_host(names, "*.market.example");
  add(names, GEN_URI, "https://c.example/", 18);
  add(names, GEN_IPADD, "\xc0\x00\x02\x01", 4);
  add(names, GEN_IPADD, "\x7f\x00\x01", 3);
  add(names, GEN_IPADD, v6, 16);
  mkt_http_certificate certificate = read_of(names);
  assert_int_equal(certificate.names.n, sizeof expected);
  assert_memory_equal(certificate.names.p, expected, sizeof expected);
  mkt_http_certificate_clear(&certificate);
}

static void leaves_out_what_does_not_fit(void **state) {
  (void)state;
  const size_t each = sizeof "0000.market.example";
  GENERAL_NAMES *names = GENERAL_NAMES_new();
  for (int i = 0; i < 2000; i++) {
    char host[32];
    (void)snprintf(host, sizeof host, "%04d.market.example", i);
    add_host(names, host);
  }
  mkt_http_certificate certificate = read_of(names);
  assert_int_equal(certificate.names.n, MKT_HTTP_NAMES_MOST / each * each);
  mkt_http_certificate_clear(&certificate);
}

static void fails_for_what_cannot_be_read(void **state) {
  (void)state;
  mkt_http_certificate certificate = {0};
  mkt_error error;
  assert_int_equal(mkt_http_certificate_parse(&certificate, "-----BEGIN", &error),
                   MKT_ERR_OUT_OF_MEMORY);
  assert_false(certificate.is_known);
  assert_int_equal(ERR_peek_error(), 0);
  mkt_http_certificate_clear(&certificate);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(has_its_times),
      cmocka_unit_test(has_hosts_and_addresses_and_nothing_else),
      cmocka_unit_test(leaves_out_what_does_not_fit),
      cmocka_unit_test(fails_for_what_cannot_be_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
