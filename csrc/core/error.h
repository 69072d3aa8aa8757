/* error.h: what can go wrong at run time, as a stable word and a sentence.
 *
 * The list below is the only one: it makes the enum, the words that programs compare and the
 * default sentences. A word, once released, keeps its meaning.
 */
#ifndef MKT_ERROR_H
#define MKT_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* X(name, word, can the same call succeed later without a change, default sentence) */
#define MKT_ERRORS(X)                                                                              \
  X(SIGNATURE_MISSING, "signature_missing", false, "the signature header is missing")              \
  X(SIGNATURE_MALFORMED, "signature_malformed", false,                                             \
    "the signature header is not hmacsha256= and 64 lower-case hex digits")                        \
  X(SIGNATURE_MISMATCH, "signature_mismatch", false, "no live secret made this signature")         \
  X(JSON_INVALID, "json_invalid", false, "the body is not JSON")                                   \
  X(NOTIFICATION_INVALID, "notification_invalid", false, "the JSON is not a notification")         \
  X(TOO_LARGE, "too_large", false, "the body is larger than the limit")                            \
  X(OUT_OF_MEMORY, "out_of_memory", true, "memory is short")                                       \
  X(KEY_INVALID, "key_invalid", false, "the key cannot be used")                                   \
  X(ENVELOPE_INVALID, "envelope_invalid", false, "what was sealed cannot be opened")               \
  X(CRYPTO_FAILED, "crypto_failed", true, "OpenSSL failed")                                        \
  X(TIMEOUT, "timeout", true, "the time limit passed")                                             \
  X(CONNECT_FAILED, "connect_failed", true, "the connection could not be made")                    \
  X(TLS_FAILED, "tls_failed", false, "the TLS connection could not be verified")                   \
  X(HTTP_FAILED, "http_failed", true, "the HTTP exchange failed")                                  \
  X(REQUEST_INVALID, "request_invalid", false, "the request cannot be sent as it is")              \
  X(UNAUTHORIZED, "unauthorized", false, "App Store Connect does not accept the token")            \
  X(RATE_LIMITED, "rate_limited", true, "App Store Connect's limit of requests is reached")        \
  X(API_ERROR, "api_error", false, "App Store Connect refused the request")                        \
  X(ANSWER_INVALID, "answer_invalid", true, "the answer is not one of App Store Connect's")        \
  X(LISTEN_FAILED, "listen_failed", true, "the address could not be listened on")                  \
  X(INBOX_UNAVAILABLE, "inbox_unavailable", true, "the inbox cannot store now")                    \
  X(LEASE_LOST, "lease_lost", false, "the lease of this notification has passed to another")       \
  X(FILE_FAILED, "file_failed", true, "the file cannot be used")                                   \
  X(FILE_EXISTS, "file_exists", false, "the file exists already")                                  \
  X(FILE_MISSING, "file_missing", false, "there is no such file")                                  \
  X(LOCKED, "locked", true, "another process holds the lock")                                      \
  X(LOCKS_UNSUPPORTED, "locks_unsupported", false, "the file system has no such locks")            \
  X(DISK_FULL, "disk_full", true, "the disk is full")                                              \
  X(ASSET_CORRUPT, "asset_corrupt", true, "the asset's bytes are not those of the manifest")       \
  X(ASSET_SIZE, "asset_size", true, "the asset's size is not that of the manifest")                \
  X(ARCHIVE_INVALID, "archive_invalid", true, "the archive is not that of a package")

typedef enum mkt_code {
  MKT_OK = 0,
#define MKT_ERROR_ENUM(name, word, retryable, text) MKT_ERR_##name,
  MKT_ERRORS(MKT_ERROR_ENUM)
#undef MKT_ERROR_ENUM
      MKT_CODE_COUNT
} mkt_code;

enum { MKT_ERROR_MESSAGE_BYTES = 256, MKT_ERROR_NO_OFFSET = -1 };

/* Owned by the caller, who need not initialise it: a function that fails fills all of it, one that
 * succeeds leaves it alone. Holds no pointer, so it needs no clearing. */
typedef struct mkt_error {
  mkt_code code;
  bool retryable;   /* the same call may succeed later */
  long long offset; /* byte of the input where the fault is, or MKT_ERROR_NO_OFFSET */
  char message[MKT_ERROR_MESSAGE_BYTES]; /* for people, NUL-terminated, never a secret */
} mkt_error;

/* The stable word and the default sentence; static storage. */
const char *mkt_code_word(mkt_code code);
const char *mkt_code_text(mkt_code code);

/* Fills error (NULL is allowed) and returns code, so that a function can end with
 * `return mkt_fail(error, MKT_ERR_..., "...", ...)`. A NULL format means the default sentence; what
 * does not fit is cut. */
mkt_code mkt_fail(mkt_error *error, mkt_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As mkt_fail, for a fault at a byte of the input. */
mkt_code mkt_fail_at(mkt_error *error, mkt_code code, size_t offset, const char *problem);

#endif
