/* Keys in PEM, or the DER within: an input that begins as DER does is put between the lines that
 * its last byte chooses, so that its bytes are changed and not base64's. What is taken for a
 * private key signs, and is the same key when it is written and read again; what is refused is
 * refused without a word of what it held. A file that holds it is taken or refused alike. */
#include "core/es256.h"
#include "fuzz.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void check_private(const mkt_es256_key *key) {
  static const char text[] = "text";
  unsigned char signature[MKT_ES256_SIGNATURE_BYTES];
  char pem[MKT_ES256_PEM_BYTES];
  size_t n;
  mkt_es256_key again = {0};
  MKT_FUZZ_CHECK(mkt_es256_sign(key, text, sizeof text, signature, NULL) == MKT_OK);
  MKT_FUZZ_CHECK(mkt_es256_write_private(key, pem, &n, NULL) == MKT_OK && n < sizeof pem);
  MKT_FUZZ_CHECK(mkt_es256_read_private(&again, pem, n, NULL) == MKT_OK);
  MKT_FUZZ_CHECK(mkt_es256_verify(&again, text, sizeof text, signature, sizeof signature, NULL) ==
                 MKT_OK);
  mkt_es256_clear(&again);
  MKT_FUZZ_CHECK(mkt_es256_write_public(key, pem, &n, NULL) == MKT_OK);
  MKT_FUZZ_CHECK(mkt_es256_read_public(&again, pem, n, NULL) == MKT_OK);
  MKT_FUZZ_CHECK(mkt_es256_verify(&again, text, sizeof text, signature, sizeof signature, NULL) ==
                 MKT_OK);
  MKT_FUZZ_CHECK(mkt_es256_verify(&again, text, sizeof text - 1, signature, sizeof signature,
                                  NULL) == MKT_ERR_SIGNATURE_MISMATCH);
  mkt_es256_clear(&again);
}

static bool is_base64(char c) {
  return c != '\0' && (isalnum((unsigned char)c) || strchr("+/=", c) != NULL);
}

/* A sentence has no run of letters and digits as long as a line of a key. */
static void check_silent(const mkt_error *error) {
  mkt_fuzz_check_error(error);
  MKT_FUZZ_CHECK(error->code == MKT_ERR_KEY_INVALID);
  size_t run = 0;
  for (const char *p = error->message; *p != '\0'; p++) {
    run = is_base64(*p) ? run + 1 : 0;
    MKT_FUZZ_CHECK(run < 20);
  }
}

static void check_file(const char *pem, size_t n, mkt_code expected) {
  char path[40];
  mkt_es256_key key = {0};
  int fd = memfd_create("key", MFD_CLOEXEC);
  MKT_FUZZ_CHECK(fd >= 0 && write(fd, pem, n) == (ssize_t)n);
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  MKT_FUZZ_CHECK(mkt_es256_read_private_file(&key, path, NULL) == expected);
  mkt_es256_clear(&key);
  (void)close(fd);
}

static void check_pem(const char *pem, size_t n) {
  mkt_es256_key key = {0};
  mkt_error error;
  mkt_code code = mkt_es256_read_private(&key, pem, n, &error);
  if (code == MKT_OK) {
    check_private(&key);
  } else {
    check_silent(&error);
  }
  check_file(pem, n, code);
  mkt_es256_clear(&key);
  if (mkt_es256_read_public(&key, pem, n, &error) != MKT_OK) check_silent(&error);
  mkt_es256_clear(&key);
}

static void check_der(const uint8_t *der, size_t n, unsigned which) {
  static const char *const kinds[] = {"PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY"};
  const char *kind = kinds[which % 3];
  size_t room = n * 2 + 128;
  char *pem = malloc(room);
  MKT_FUZZ_CHECK(pem != NULL);
  int begin = snprintf(pem, room, "-----BEGIN %s-----\n", kind);
  char *base64 = pem + begin;
  int length = EVP_EncodeBlock((unsigned char *)base64, der, (int)n);
  char *end = base64 + length;
  int end_n = snprintf(end, room - (size_t)(end - pem), "\n-----END %s-----\n", kind);
  check_pem(pem, (size_t)(end - pem) + (size_t)end_n);
  free(pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  const uint8_t sequence = 0x30;
  if (n > 1 && n < 4096 && data[0] == sequence) {
    check_der(data, n - 1, data[n - 1]);
  } else {
    check_pem((const char *)data, n);
  }
  return 0;
}
