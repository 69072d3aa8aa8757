#include "core/envelope.h"
#include "test/support.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ui.h>
#include <string.h>

enum { MOST = 4096, BLOCK = MKT_ENVELOPE_BLOCK_BYTES };

typedef struct sealed_text {
  unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES];
  unsigned char sealed[MOST];
  size_t n;
} sealed_text;

static mkt_envelope_key pair;

static int make_pair(void **state) {
  (void)state;
  pair = (mkt_envelope_key){.pkey = EVP_RSA_gen(3072), .is_private = true};
  return pair.pkey == NULL ? -1 : 0;
}

static int clear_pair(void **state) {
  (void)state;
  mkt_envelope_key_clear(&pair);
  mkt_envelope_key_clear(&pair);
  return 0;
}

static sealed_text seal_with(const unsigned char *secret, const char *text, size_t n) {
  sealed_text made = {.n = mkt_envelope_sealed_length(n)};
  assert_true(made.n <= MOST);
  assert_int_equal(mkt_envelope_seal(&pair, secret, (const unsigned char *)text, n, made.wrapped,
                                     made.sealed, NULL),
                   MKT_OK);
  return made;
}

/* Also: nothing is left in OpenSSL's queue. */
static mkt_code open_it(const sealed_text *one, unsigned char *text, size_t *n, mkt_error *error) {
  mkt_guarded wrapped = mkt_guard((const char *)one->wrapped, sizeof one->wrapped);
  mkt_guarded sealed = mkt_guard((const char *)one->sealed, one->n);
  mkt_code code = mkt_envelope_open(&pair, (unsigned char *)wrapped.p, wrapped.n,
                                    (unsigned char *)sealed.p, sealed.n, text, n, error);
  mkt_unguard(&wrapped);
  mkt_unguard(&sealed);
  assert_int_equal(ERR_peek_error(), 0);
  return code;
}

static void opens_what_was_sealed(void **state) {
  (void)state;
  char text[100];
  unsigned char opened[MOST];
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (char)(i * 37);
  for (size_t n = 0; n <= sizeof text; n++) {
    size_t opened_n = 99999;
    sealed_text made = seal_with(NULL, text, n);
    assert_int_equal(made.n, (n / BLOCK + 1) * BLOCK);
    assert_int_equal(open_it(&made, opened, &opened_n, NULL), MKT_OK);
    assert_int_equal(opened_n, n);
    assert_memory_equal(opened, text, n);
  }
}

/* What is handed on in place of a text says nothing of it. */
static void expect_random(const sealed_text *one, const char *problem) {
  unsigned char first[MOST];
  unsigned char second[MOST];
  size_t first_n = 0;
  size_t second_n = 0;
  mkt_error error;
  assert_int_equal(open_it(one, first, &first_n, &error), MKT_ERR_ENVELOPE_INVALID);
  assert_string_equal(error.message, problem);
  assert_int_equal(open_it(one, second, &second_n, &error), MKT_ERR_ENVELOPE_INVALID);
  assert_true(first_n < one->n && first_n + BLOCK >= one->n && first_n > 0);
  assert_true(second_n < one->n && second_n + BLOCK >= one->n && second_n > 0);
  assert_memory_not_equal(first, second, BLOCK / 2);
}

static const char wrong_key[] = "the key was not encrypted for this server's key";
static const char wrong_padding[] = "the request's padding is wrong";

static void refuses_a_changed_key(void **state) {
  (void)state;
  sealed_text made = seal_with(NULL, "a text of more than one block", 29);
  for (size_t i = 0; i < sizeof made.wrapped; i += 17) {
    made.wrapped[i] ^= 1;
    expect_random(&made, wrong_key);
    made.wrapped[i] ^= 1;
  }
  memset(made.wrapped, 0xff, sizeof made.wrapped); /* larger than the modulus */
  expect_random(&made, wrong_key);
  memset(made.wrapped, 0, sizeof made.wrapped);
  expect_random(&made, wrong_key);
}

/* Encrypts whatever bytes, which may be no 32. */
static void wrap(const char *bytes, size_t n, unsigned char *wrapped) {
  size_t wrapped_n = MKT_ENVELOPE_KEY_BYTES;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pair.pkey, NULL);
  assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
  assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
  assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()), 1);
  assert_int_equal(EVP_PKEY_encrypt(context, wrapped, &wrapped_n, (const unsigned char *)bytes, n),
                   1);
  EVP_PKEY_CTX_free(context);
}

static void refuses_a_secret_of_another_length(void **state) {
  (void)state;
  static const size_t lengths[] = {0, 1, 16, 31, 33, 48, 318};
  char bytes[318] = {0};
  sealed_text made = seal_with((const unsigned char *)bytes, "text", 4);
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    wrap(bytes, lengths[i], made.wrapped);
    expect_random(&made, wrong_key);
  }
  unsigned char opened[MOST];
  size_t n = 0;
  wrap(bytes, MKT_ENVELOPE_SECRET_BYTES, made.wrapped);
  assert_int_equal(open_it(&made, opened, &n, NULL), MKT_OK);
  assert_int_equal(n, 4);
}

/* Each last byte, and each byte before it that can differ. What is changed in one block of what is
 * sealed changes the same bits of the next block's text. */
static void knows_every_padding(void **state) {
  (void)state;
  unsigned char opened[MOST];
  size_t n = 0;
  const sealed_text made = seal_with(NULL, "exactly two blocks: 32 bytes....", 32);
  for (unsigned last = 0; last < 256; last++) {
    const unsigned most = last <= BLOCK ? BLOCK : 0;
    for (unsigned differs = 0; differs <= most; differs++) {
      sealed_text changed = made;
      const bool is_right = last >= 1 && last <= BLOCK && (differs < 2 || differs > last);
      for (unsigned i = 1; i <= BLOCK; i++)
        changed.sealed[2 * BLOCK - i] ^= (unsigned char)(BLOCK ^ last ^ (differs == i && i > 1));
      if (is_right) {
        assert_int_equal(open_it(&changed, opened, &n, NULL), MKT_OK);
        assert_int_equal(n, made.n - last);
      } else {
        expect_random(&changed, wrong_padding);
      }
    }
  }
}

static void refuses_sizes(void **state) {
  (void)state;
  static const struct {
    size_t wrapped;
    size_t sealed;
    const char *problem;
  } cases[] = {
      {0, 32, "the key is not 384 bytes long"},
      {383, 32, "the key is not 384 bytes long"},
      {385, 32, "the key is not 384 bytes long"},
      {256, 32, "the key is not 384 bytes long"},
      {384, 0, "the request is not of whole blocks"},
      {384, 31, "the request is not of whole blocks"},
      {384, 33, "the request is not of whole blocks"},
      {384, MKT_ENVELOPE_TEXT_MOST + 16, "the request is too long"},
  };
  unsigned char *bytes = calloc(1, MKT_ENVELOPE_TEXT_MOST + 16);
  assert_non_null(bytes);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mkt_error error;
    size_t n = 1;
    assert_int_equal(mkt_envelope_open(&pair, bytes, cases[i].wrapped, bytes, cases[i].sealed,
                                       bytes, &n, &error),
                     MKT_ERR_ENVELOPE_INVALID);
    assert_string_equal(error.message, cases[i].problem);
    assert_int_equal(n, 0);
  }
  mkt_error error;
  unsigned char wrapped[MKT_ENVELOPE_KEY_BYTES];
  assert_int_equal(
      mkt_envelope_seal(&pair, NULL, bytes, MKT_ENVELOPE_TEXT_MOST, wrapped, bytes, &error),
      MKT_ERR_TOO_LARGE);
  free(bytes);
}

static void read_refused(EVP_PKEY *pkey, const char *problem) {
  BIO *bio = BIO_new(BIO_s_mem());
  char *pem = NULL;
  mkt_envelope_key key = {0};
  mkt_error error;
  assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
  const long n = BIO_get_mem_data(bio, &pem);
  mkt_code code = mkt_envelope_key_read(&key, pem, (size_t)n, &error);
  BIO_free(bio);
  EVP_PKEY_free(pkey);
  assert_int_equal(ERR_peek_error(), 0);
  if (problem == NULL) {
    assert_int_equal(code, MKT_OK);
    assert_true(key.is_private);
  } else {
    assert_int_equal(code, MKT_ERR_KEY_INVALID);
    assert_string_equal(error.message, problem);
    assert_null(key.pkey);
  }
  mkt_envelope_key_clear(&key);
}

static void reads_keys_of_its_size_alone(void **state) {
  (void)state;
  static const char size[] =
      "the RSA key has another size than the 3072 bits that devices encrypt with";
  static const char kind[] = "the key is not an RSA key, and devices encrypt with RSA-3072";
  assert_int_equal(EVP_PKEY_up_ref(pair.pkey), 1);
  read_refused(pair.pkey, NULL);
  read_refused(EVP_RSA_gen(2048), size);
  read_refused(EVP_RSA_gen(3080), size);
  read_refused(EVP_EC_gen("P-256"), kind);
  read_refused(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), kind);
}

/* One of its numbers is another one: what reads it takes that. */
static void refuses_a_damaged_key(void **state) {
  (void)state;
  BIO *bio = BIO_new(BIO_s_mem());
  unsigned char *der = NULL;
  assert_int_equal(i2d_PKCS8PrivateKey_bio(bio, pair.pkey, NULL, NULL, 0, NULL, NULL), 1);
  const long n = BIO_get_mem_data(bio, &der);
  der[60] ^= 1; /* within the modulus */
  const unsigned char *p = der;
  EVP_PKEY *damaged = d2i_AutoPrivateKey(NULL, &p, n);
  BIO_free(bio);
  assert_non_null(damaged);
  ERR_clear_error();
  read_refused(damaged, "the key is damaged");
}

static bool was_asked;

/* Whoever is at the terminal: nobody. */
static int note_question(UI *ui) {
  (void)ui;
  was_asked = true;
  return 0;
}

static void asks_nobody_for_a_passphrase(void **state) {
  (void)state;
  static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
                            "Proc-Type: 4,ENCRYPTED\n"
                            "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                            "MIIBAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                            "-----END CERTIFICATE-----\n";
  UI_METHOD *method = UI_create_method("nobody");
  assert_non_null(method);
  UI_method_set_opener(method, note_question);
  UI_set_default_method(method);
  assert_int_equal(mkt_envelope_check_certificate(pem, sizeof pem - 1, NULL), MKT_ERR_KEY_INVALID);
  UI_set_default_method(NULL);
  UI_destroy_method(method);
  assert_false(was_asked);
  assert_int_equal(ERR_peek_error(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_what_was_sealed),
      cmocka_unit_test(refuses_a_changed_key),
      cmocka_unit_test(refuses_a_secret_of_another_length),
      cmocka_unit_test(knows_every_padding),
      cmocka_unit_test(refuses_sizes),
      cmocka_unit_test(reads_keys_of_its_size_alone),
      cmocka_unit_test(refuses_a_damaged_key),
      cmocka_unit_test(asks_nobody_for_a_passphrase),
  };
  return cmocka_run_group_tests_name("envelope", tests, make_pair, clear_pair);
}
