#include "postgres/failure.h"

#include <stdio.h>
#include <string.h>

void mkt_postgres_note_address(mkt_postgres *postgres) {
  const char *host = PQhost(postgres->connection), *port = PQport(postgres->connection);
  if (host == NULL || host[0] == '\0' || port == NULL) return;
  const char *form = host[0] == '/'              ? "%s/.s.PGSQL.%s"
                     : strchr(host, ':') != NULL ? "[%s]:%s"
                                                 : "%s:%s";
  (void)snprintf(postgres->address, sizeof postgres->address, form, host, port);
}

/* The end of `line`, or where the text begins behind "connection to server ... failed: " and
 * "FATAL:  ". */
static const char *skip_prefixes(const char *line, const char *end) {
  static const char connection[] = "connection to server ", failed[] = " failed: ";
  if (strncmp(line, connection, sizeof connection - 1) == 0) {
    const char *found = strstr(line, failed);
    if (found != NULL && found < end) line = found + sizeof failed - 1;
  }
  static const char *const severities[] = {"FATAL:  ", "ERROR:  ", "PANIC:  "};
  for (size_t i = 0; i < sizeof severities / sizeof severities[0]; i++) {
    size_t n = strlen(severities[i]);
    if (strncmp(line, severities[i], n) == 0) return line + n;
  }
  return line;
}

typedef struct words {
  char *out;
  size_t n, capacity; /* one more byte is free, for the NUL */
} words;

static void append(words *written, const char *p, size_t n) {
  if (n > written->capacity - written->n) n = written->capacity - written->n;
  memcpy(written->out + written->n, p, n);
  written->n += n;
}

void mkt_postgres_copy_words(char *out, size_t capacity, const char *message) {
  words written = {.out = out, .capacity = capacity - 1};
  const char *last = "";
  size_t last_length = 0;
  for (const char *line = message; *line != '\0';) {
    const char *end = line + strcspn(line, "\n"), *next = *end == '\0' ? end : end + 1;
    const char *text = skip_prefixes(line, end);
    size_t n = (size_t)(end - text);
    bool is_repeated = n == last_length && memcmp(text, last, n) == 0;
    if (line[0] != '\t' && n > 0 && !is_repeated) {
      if (last_length > 0) append(&written, "; ", 2);
      append(&written, text, n);
      last = text;
      last_length = n;
    }
    line = next;
  }
  out[written.n] = '\0';
}

static mkt_code fail_with(const mkt_postgres *postgres, mkt_code code, const char *what,
                          const char *message, mkt_error *error) {
  char said[MKT_ERROR_MESSAGE_BYTES];
  mkt_postgres_copy_words(said, sizeof said, message);
  const char *separator = postgres->address[0] != '\0' ? " at " : "";
  return mkt_fail(error, code, "%sPostgreSQL%s%s: %s", what, separator, postgres->address,
                  said[0] != '\0' ? said : mkt_code_text(code));
}

mkt_code mkt_postgres_fail_connect(const mkt_postgres *postgres, mkt_error *error) {
  return fail_with(postgres, MKT_ERR_CONNECT_FAILED, "cannot connect to ",
                   PQerrorMessage(postgres->connection), error);
}

mkt_code mkt_postgres_fail(const mkt_postgres *postgres, mkt_error *error) {
  const char *said = PQerrorMessage(postgres->connection);
  if (PQstatus(postgres->connection) == CONNECTION_OK) {
    return fail_with(postgres, MKT_ERR_INBOX_UNAVAILABLE, "", said, error);
  }
  return fail_with(postgres, MKT_ERR_CONNECT_FAILED, "lost the connection to ", said, error);
}

mkt_code mkt_postgres_fail_warned(const mkt_postgres *postgres, mkt_error *error) {
  return fail_with(postgres, MKT_ERR_INBOX_UNAVAILABLE, "", postgres->warning, error);
}

mkt_code mkt_postgres_fail_late(const mkt_postgres *postgres, mkt_error *error) {
  bool is_connected = PQstatus(postgres->connection) == CONNECTION_OK;
  char said[48];
  (void)snprintf(said, sizeof said, "no answer within %.1f s", postgres->seconds);
  return fail_with(postgres, MKT_ERR_TIMEOUT, is_connected ? "" : "cannot connect to ", said,
                   error);
}

mkt_code mkt_postgres_fail_result(const mkt_postgres *postgres, const PGresult *result,
                                  mkt_error *error) {
  if (PQstatus(postgres->connection) == CONNECTION_BAD) {
    return mkt_postgres_fail(postgres, error);
  }
  if (result == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (said == NULL) said = PQresultErrorMessage(result);
  return fail_with(postgres, MKT_ERR_INBOX_UNAVAILABLE, "", said, error);
}
