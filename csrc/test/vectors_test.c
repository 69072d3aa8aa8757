/* vectors_test.c: the public test vectors, read in place: JSONTestSuite and Wycheproof. */
#include "core/digest.h"
#include "core/es256.h"
#include "core/json.h"
#include "core/notification.h"
#include "core/signature.h"
#include "test/support.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- JSONTestSuite: y_ must be accepted, n_ refused, i_ is the reader's choice --- */

/* Each choice, so that none changes unseen. Numbers of any size are taken: their meaning is the
 * caller's. What is not UTF-8, or stands for no character, is refused. */
static const struct {
  const char *name;
  bool accepted;
} choices[] = {
    {"i_number_double_huge_neg_exp.json", true},
    {"i_number_huge_exp.json", true},
    {"i_number_neg_int_huge_exp.json", true},
    {"i_number_pos_double_huge_exp.json", true},
    {"i_number_real_neg_overflow.json", true},
    {"i_number_real_pos_overflow.json", true},
    {"i_number_real_underflow.json", true},
    {"i_number_too_big_neg_int.json", true},
    {"i_number_too_big_pos_int.json", true},
    {"i_number_very_big_negative_int.json", true},
    {"i_object_key_lone_2nd_surrogate.json", false},
    {"i_string_1st_surrogate_but_2nd_missing.json", false},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", false},
    {"i_string_UTF-16LE_with_BOM.json", false},
    {"i_string_UTF-8_invalid_sequence.json", false},
    {"i_string_UTF8_surrogate_U+D800.json", false},
    {"i_string_incomplete_surrogate_and_escape_valid.json", false},
    {"i_string_incomplete_surrogate_pair.json", false},
    {"i_string_incomplete_surrogates_escape_valid.json", false},
    {"i_string_invalid_lonely_surrogate.json", false},
    {"i_string_invalid_surrogate.json", false},
    {"i_string_invalid_utf-8.json", false},
    {"i_string_inverted_surrogates_U+1D11E.json", false},
    {"i_string_iso_latin_1.json", false},
    {"i_string_lone_second_surrogate.json", false},
    {"i_string_lone_utf8_continuation_byte.json", false},
    {"i_string_not_in_unicode_range.json", false},
    {"i_string_overlong_sequence_2_bytes.json", false},
    {"i_string_overlong_sequence_6_bytes.json", false},
    {"i_string_overlong_sequence_6_bytes_null.json", false},
    {"i_string_truncated-utf-8.json", false},
    {"i_string_utf16BE_no_BOM.json", false},
    {"i_string_utf16LE_no_BOM.json", false},
    {"i_structure_500_nested_arrays.json", false}, /* deeper than 64 */
    {"i_structure_UTF-8_BOM_empty_object.json", true},
};

static const char *const duplicated_names[] = {"y_object_duplicated_key.json",
                                               "y_object_duplicated_key_and_value.json"};

typedef struct outcome {
  bool rfc8259;
  bool unique_names;
  mkt_code notification;
} outcome;

static bool accepts(const char *p, size_t n, mkt_json_flags flags) {
  mkt_json json;
  mkt_json_init(&json, p, n, flags);
  mkt_json_token token;
  do {
    token = mkt_json_next(&json);
  } while (token != MKT_JSON_FAULT && token != MKT_JSON_END);
  return token == MKT_JSON_END;
}

static outcome read_document(const char *path) {
  size_t n;
  char *text = mkt_read_whole_file(path, &n);
  mkt_guarded copy = mkt_guard(text, n);
  free(text);
  mkt_notification notification;
  outcome result = {
      .rfc8259 = accepts(copy.p, n, MKT_JSON_RFC8259),
      .unique_names = accepts(copy.p, n, MKT_JSON_UNIQUE_NAMES),
      .notification = mkt_notification_parse(copy.p, n, &notification, NULL),
  };
  mkt_unguard(&copy);
  return result;
}

static bool choice_of(const char *name) {
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    if (strcmp(choices[i].name, name) == 0) return choices[i].accepted;
  }
  fail_msg("%s: nothing is decided for it", name);
  return false;
}

static bool has_duplicated_names(const char *name) {
  return strcmp(name, duplicated_names[0]) == 0 || strcmp(name, duplicated_names[1]) == 0;
}

static void check_document(const char *folder, const char *name) {
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  outcome found = read_document(path);
  bool expected = name[0] == 'y' || (name[0] == 'i' && choice_of(name));
  if (found.rfc8259 != expected) fail_msg("%s was %s", name, expected ? "refused" : "accepted");
  if (found.unique_names != (expected && !has_duplicated_names(name))) {
    fail_msg("%s, with unique names: %s", name, expected ? "refused" : "accepted");
  }
  /* none of them is a notification, and only one that is JSON is looked at as one */
  assert_int_equal(found.notification,
                   found.unique_names ? MKT_ERR_NOTIFICATION_INVALID : MKT_ERR_JSON_INVALID);
}

static void json_test_suite(void **state) {
  (void)state;
  char folder[2048];
  (void)snprintf(folder, sizeof folder, "%s/JSONTestSuite/test_parsing", mkt_vectors_or_skip());
  DIR *documents = opendir(folder);
  assert_non_null(documents);
  static const char kinds[] = "yni";
  unsigned counts[sizeof kinds] = {0};
  for (const struct dirent *entry; (entry = readdir(documents)) != NULL;) {
    const char *kind = strchr(kinds, entry->d_name[0]);
    if (kind == NULL) continue;
    check_document(folder, entry->d_name);
    counts[kind - kinds]++;
  }
  assert_int_equal(closedir(documents), 0);
  printf("JSONTestSuite: %u to accept, %u to refuse, %u decided\n", counts[0], counts[1],
         counts[2]);
  assert_int_equal(counts[2], sizeof choices / sizeof *choices);
  assert_true(counts[0] > 90 && counts[1] > 180);
}

/* --- Wycheproof: HMAC-SHA256 --- */

enum { MAX_FIELD_BYTES = 1024 };

typedef struct bytes {
  char p[MAX_FIELD_BYTES];
  size_t n;
} bytes;

typedef struct vector {
  bytes key;
  bytes message;
  char header[MKT_SIGNATURE_BYTES + MAX_FIELD_BYTES];
  size_t header_n;
  bool valid;
} vector;

static int hex_value(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void read_hex(mkt_json_text hex, bytes *out) {
  assert_true(hex.n % 2 == 0 && hex.n / 2 <= MAX_FIELD_BYTES);
  out->n = hex.n / 2;
  for (size_t i = 0; i < out->n; i++)
    out->p[i] = (char)(hex_value(hex.p[2 * i]) * 16 + hex_value(hex.p[2 * i + 1]));
}

static void read_vector_member(mkt_json_text name, mkt_json_text value, vector *out) {
  if (mkt_json_is(name, "key", 3)) read_hex(value, &out->key);
  if (mkt_json_is(name, "msg", 3)) read_hex(value, &out->message);
  if (mkt_json_is(name, "result", 6)) out->valid = mkt_json_is(value, "valid", 5);
  if (!mkt_json_is(name, "tag", 3)) return;
  assert_true(value.n < MAX_FIELD_BYTES);
  out->header_n = (size_t)sprintf(out->header, "hmacsha256=%.*s", (int)value.n, value.p);
}

static void check_vector(const vector *v) {
  mkt_keyring keyring = {.count = 0};
  mkt_guarded key = mkt_guard(v->key.p, v->key.n);
  assert_int_equal(mkt_keyring_add(&keyring, key.p, key.n, NULL), MKT_OK);
  mkt_unguard(&key); /* the keyring needs it no longer */
  mkt_guarded message = mkt_guard(v->message.p, v->message.n);
  unsigned matched = 99;
  mkt_code code =
      mkt_verify(&keyring, message.p, message.n, v->header, v->header_n, &matched, NULL);
  assert_int_equal(code, v->valid ? MKT_OK : MKT_ERR_SIGNATURE_MISMATCH);
  if (v->valid) {
    char signature[MKT_SIGNATURE_BYTES];
    assert_int_equal(mkt_sign(&keyring, message.p, message.n, signature, NULL), MKT_OK);
    assert_memory_equal(signature, v->header, MKT_SIGNATURE_BYTES);
  }
  mkt_unguard(&message);
  mkt_keyring_clear(&keyring);
}

/* Reads one object of a "tests" list; whatever it nests holds no member that is looked for. */
static void read_vector(mkt_json *json, vector *out) {
  for (;;) {
    mkt_json_token token = mkt_json_next(json);
    if (token == MKT_JSON_OBJECT_END) return;
    assert_int_equal(token, MKT_JSON_NAME);
    mkt_json_text name = json->text;
    token = mkt_json_next(json);
    if (token == MKT_JSON_STRING) read_vector_member(name, json->text, out);
    assert_true(mkt_json_skip(json, token));
  }
}

static void hmac_vectors(void **state) {
  (void)state;
  char path[2048];
  (void)snprintf(path, sizeof path, "%s/wycheproof/hmac_sha256_test.json", mkt_vectors_or_skip());
  size_t n;
  char *text = mkt_read_whole_file(path, &n);
  mkt_json json;
  mkt_json_init(&json, text, n, MKT_JSON_UNIQUE_NAMES);
  unsigned valid = 0;
  unsigned invalid = 0;
  bool whole_tags = false;
  bool in_tests = false;
  static vector v;
  for (mkt_json_token token; (token = mkt_json_next(&json)) != MKT_JSON_END;) {
    assert_true(token != MKT_JSON_FAULT);
    if (token == MKT_JSON_NAME && mkt_json_is(json.text, "tagSize", 7)) {
      assert_int_equal(mkt_json_next(&json), MKT_JSON_NUMBER);
      whole_tags = mkt_json_is(json.text, "256", 3);
    } else if (token == MKT_JSON_NAME) {
      in_tests = mkt_json_is(json.text, "tests", 5);
    } else if (token == MKT_JSON_ARRAY_END) {
      in_tests = false;
    } else if (token == MKT_JSON_OBJECT && in_tests) {
      read_vector(&json, &v);
      if (!whole_tags) continue;
      check_vector(&v);
      if (v.valid) valid++;
      if (!v.valid) invalid++;
    }
  }
  free(text);
  printf("Wycheproof: %u valid, %u invalid\n", valid, invalid);
  assert_true(valid > 30 && invalid > 30);
}

/* --- Wycheproof: ECDSA on P-256, signatures as r and s --- */

typedef struct ecdsa_vector {
  bytes message;
  bytes signature;
  bool valid;
} ecdsa_vector;

static void read_ecdsa_vector(mkt_json *json, ecdsa_vector *out) {
  for (mkt_json_token token; (token = mkt_json_next(json)) != MKT_JSON_OBJECT_END;) {
    assert_int_equal(token, MKT_JSON_NAME);
    mkt_json_text name = json->text;
    token = mkt_json_next(json);
    if (token != MKT_JSON_STRING) {
      assert_true(mkt_json_skip(json, token));
      continue;
    }
    if (mkt_json_is(name, "msg", 3)) read_hex(json->text, &out->message);
    if (mkt_json_is(name, "sig", 3)) read_hex(json->text, &out->signature);
    if (mkt_json_is(name, "result", 6)) out->valid = mkt_json_is(json->text, "valid", 5);
  }
}

/* The line ends are escaped in JSON. */
static void read_public_key(mkt_json_text text, mkt_es256_key *key) {
  char pem[MAX_FIELD_BYTES] = "";
  size_t n = 0;
  assert_true(text.n < sizeof pem);
  for (size_t i = 0; i < text.n; i++) {
    bool is_line_end = text.p[i] == '\\' && text.p[i + 1] == 'n';
    pem[n++] = is_line_end ? '\n' : text.p[i];
    if (is_line_end) i++;
  }
  mkt_es256_clear(key);
  assert_int_equal(mkt_es256_read_public(key, pem, n, NULL), MKT_OK);
}

typedef struct tally {
  unsigned valid;
  unsigned invalid;
} tally;

static void expect_ecdsa(mkt_json *json, const mkt_es256_key *key, tally *seen) {
  static ecdsa_vector v;
  read_ecdsa_vector(json, &v);
  mkt_code code = mkt_es256_verify(key, v.message.p, v.message.n,
                                   (const unsigned char *)v.signature.p, v.signature.n, NULL);
  assert_int_equal(code, v.valid ? MKT_OK : MKT_ERR_SIGNATURE_MISMATCH);
  if (v.valid) seen->valid++;
  if (!v.valid) seen->invalid++;
}

static void wycheproof_ecdsa(void **state) {
  (void)state;
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json",
                 mkt_vectors_or_skip());
  size_t n;
  char *text = mkt_read_whole_file(path, &n);
  mkt_json json;
  mkt_json_init(&json, text, n, MKT_JSON_UNIQUE_NAMES);
  mkt_es256_key key = {0};
  tally seen = {0, 0};
  bool in_tests = false;
  for (mkt_json_token token; (token = mkt_json_next(&json)) != MKT_JSON_END;) {
    assert_true(token != MKT_JSON_FAULT);
    if (token == MKT_JSON_NAME && mkt_json_is(json.text, "publicKeyPem", 12)) {
      assert_int_equal(mkt_json_next(&json), MKT_JSON_STRING);
      read_public_key(json.text, &key);
    } else if (token == MKT_JSON_NAME) {
      in_tests = mkt_json_is(json.text, "tests", 5);
    } else if (token == MKT_JSON_ARRAY_END) {
      in_tests = false;
    } else if (token == MKT_JSON_OBJECT && in_tests) {
      expect_ecdsa(&json, &key, &seen);
    }
  }
  mkt_es256_clear(&key);
  free(text);
  printf("Wycheproof, P-256: %u valid, %u invalid\n", seen.valid, seen.invalid);
  assert_true(seen.valid > 100 && seen.invalid > 50);
}

/* RFC 2104, section 2: a key longer than a block stands for its own hash. */
static void keys_up_to_64_kib(void **state) {
  (void)state;
  static char key[65536];
  for (size_t i = 0; i < sizeof key; i++)
    key[i] = (char)(i * 131 + i / 256);
  for (size_t n = 65; n <= sizeof key; n = n < 4096 ? n + 61 : n * 2) {
    unsigned char hashed[MKT_SHA256_BYTES];
    assert_int_equal(mkt_sha256(key, n, hashed, NULL), MKT_OK);
    mkt_keyring both = {.count = 0};
    assert_int_equal(mkt_keyring_add(&both, (const char *)hashed, sizeof hashed, NULL), MKT_OK);
    char signature[MKT_SIGNATURE_BYTES];
    assert_int_equal(mkt_sign(&both, "\0body\0", 6, signature, NULL), MKT_OK);
    mkt_keyring_clear(&both);
    assert_int_equal(mkt_keyring_add(&both, key, n, NULL), MKT_OK);
    unsigned matched = 99;
    assert_int_equal(mkt_verify(&both, "\0body\0", 6, signature, sizeof signature, &matched, NULL),
                     MKT_OK);
    assert_int_equal(mkt_verify(&both, "\0body", 5, signature, sizeof signature, &matched, NULL),
                     MKT_ERR_SIGNATURE_MISMATCH);
    mkt_keyring_clear(&both);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_test_suite),
      cmocka_unit_test(hmac_vectors),
      cmocka_unit_test(keys_up_to_64_kib),
      cmocka_unit_test(wycheproof_ecdsa),
  };
  return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
