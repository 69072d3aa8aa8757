#include "server/answer.h"

#include "core/buffer.h"
#include "server/head.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

/* A raw answer is written in one go, so it has to fit an empty socket buffer. */
enum { RAW_MOST = 64 << 10, DATE_BYTES = 64 };

static const char *const OURS[] = {"connection", "content-length", "date", "transfer-encoding"};

static bool has_control_character(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if ((unsigned char)p[i] < 0x20 || p[i] == 0x7F) return true;
  }
  return false;
}

const char *mkt_answer_header_problem(const char *name, size_t name_length, const char *value,
                                      size_t value_length) {
  if (!mkt_head_is_token(name, name_length)) return "is not a header name";
  for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++) {
    if (strcasecmp(name, OURS[i]) == 0) return "is set by the server";
  }
  if (value_length == 0) return "is empty";
  if (has_control_character(value, value_length)) return "has a control character";
  return NULL;
}

static bool add_headers(struct MHD_Response *response, const mkt_answer *answer, bool close) {
  for (size_t i = 0; i < answer->header_count; i++) {
    const mkt_field *header = &answer->headers[i];
    if (MHD_add_response_header(response, header->name, header->value) == MHD_NO) return false;
  }
  return !close || MHD_add_response_header(response, "Connection", "close") != MHD_NO;
}

struct MHD_Response *mkt_answer_complete(struct MHD_Response *response, const mkt_answer *answer,
                                         bool close) {
  if (add_headers(response, answer, close)) return response;
  MHD_destroy_response(response);
  return NULL;
}

struct MHD_Response *mkt_answer_response(const mkt_answer *answer, bool close) {
  struct MHD_Response *response = MHD_create_response_from_buffer(
      answer->body_length, (void *)(uintptr_t)answer->body, MHD_RESPMEM_MUST_COPY);
  return response != NULL ? mkt_answer_complete(response, answer, close) : NULL;
}

/* Not strftime, whose names follow the host program's locale. */
static void print_date(char date[DATE_BYTES]) {
  static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t now = time(NULL);
  struct tm utc;
  (void)gmtime_r(&now, &utc);
  (void)snprintf(date, DATE_BYTES, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
                 utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                 utc.tm_sec);
}

static bool put(mkt_buffer *out, const char *text) {
  return mkt_buffer_append(out, text, strlen(text)) == MKT_OK;
}

static bool put_head(mkt_buffer *out, const mkt_answer *answer) {
  char head[256];
  char date[DATE_BYTES];
  print_date(date);
  (void)snprintf(head, sizeof head,
                 "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
                 answer->status, MHD_get_reason_phrase_for(answer->status), date,
                 answer->body_length);
  bool fits = put(out, head);
  for (size_t i = 0; i < answer->header_count && fits; i++) {
    const mkt_field *header = &answer->headers[i];
    fits = put(out, header->name) && put(out, ": ") && put(out, header->value) && put(out, "\r\n");
  }
  return fits && put(out, "\r\n");
}

static bool send_plain(int fd, const mkt_buffer *out) {
  ssize_t sent = send(fd, out->p, out->n, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)shutdown(fd, SHUT_WR);
  return sent == (ssize_t)out->n;
}

/* A record holds at most 16 KiB; gnutls_record_send says how much it took. */
static bool send_tls(gnutls_session_t session, int fd, const mkt_buffer *out) {
  size_t sent = 0;
  while (sent < out->n) {
    ssize_t n = gnutls_record_send(session, out->p + sent, out->n - sent);
    if (n <= 0) return false;
    sent += (size_t)n;
  }
  (void)gnutls_bye(session, GNUTLS_SHUT_WR);
  (void)shutdown(fd, SHUT_WR);
  return true;
}

bool mkt_answer_write(struct MHD_Connection *mhd, int fd, const mkt_answer *answer) {
  const union MHD_ConnectionInfo *tls =
      MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  mkt_buffer out;
  mkt_buffer_init(&out, RAW_MOST);
  bool written = put_head(&out, answer) &&
                 mkt_buffer_append(&out, answer->body, answer->body_length) == MKT_OK &&
                 (tls != NULL ? send_tls(tls->tls_session, fd, &out) : send_plain(fd, &out));
  mkt_buffer_clear(&out);
  return written;
}
