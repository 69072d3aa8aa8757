#include "http_options.h"

#include "http_url.h"

#include <string.h>

enum { SINK_RECEIVES = 262144 /* bytes at a time, if a sink takes them: fewer would cost time */ };
static const double MOST_SECONDS = 2147483;

bool mkt_http_is_method(const char *text) {
  static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  return *text != '\0' && text[strspn(text, token)] == '\0';
}

static bool may_be_repeated_unseen(const char *method) {
  static const char *const names[] = {"GET", "HEAD", "PATCH", "PUT", "OPTIONS"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(method, names[i]) == 0) return true;
  }
  return false;
}

static long milliseconds(double seconds) {
  if (seconds <= 0) return 0;
  if (seconds > MOST_SECONDS) seconds = MOST_SECONDS;
  return seconds < 0.001 ? 1 : (long)(seconds * 1000);
}

static void set_method(CURL *easy, const mkt_http_request *request, const char *body) {
  if (strcmp(request->method, "HEAD") == 0) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (body != NULL) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_n);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
  }
}

/* A used connection that ends, and a stream of HTTP/2 that is refused, make libcurl send the
 * request again by itself. */
static void set_version(CURL *easy, const mkt_http_request *request) {
  if (may_be_repeated_unseen(request->method)) {
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L); /* others may want HTTP/2 */
  }
}

static void set_limits(CURL *easy, const mkt_http_request *request) {
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request->timeout));
  /* 0 would be libcurl's own limit of 300 seconds */
  const double connecting = request->connect_timeout > 0 ? request->connect_timeout : MOST_SECONDS;
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connecting));
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)request->low_speed_limit);
  curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                   (milliseconds(request->low_speed_time) + 999) / 1000);
}

static void set_receiving(CURL *easy, const mkt_http_request *request) {
  size_t most = request->most_per_second;
  /* libcurl receives as often as this before it looks at how fast that was */
  const size_t times = 100;
  size_t at_once = request->sink != NULL ? SINK_RECEIVES : CURL_MAX_WRITE_SIZE;
  if (most > 0 && most / times < at_once) at_once = most / times;
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)(at_once > 1024 ? at_once : 1024));
  curl_easy_setopt(easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)most);
}

/* libcurl resolves names in a thread, for which it otherwise waits if an exchange ends first:
 * for as long as a name server that does not answer is asked, whatever the limits say. */
static void set_quick_exit(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
  (void)easy;
#endif
}

static void set_security(CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

/* libcurl shows a certificate only to whoever shook hands for it. */
static void set_certificate(CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

static bool set_text(CURL *easy, CURLoption option, const char *text) {
  return text == NULL || curl_easy_setopt(easy, option, text) == CURLE_OK;
}

/* libcurl copies these. Without one of them another method would be sent, through another proxy, to
 * servers that other authorities vouch for, or to whoever listens at the port: false if memory is
 * short. */
static bool set_texts(CURL *easy, const mkt_http_request *request, bool is_direct) {
  return set_text(easy, CURLOPT_URL, request->url) &&
         set_text(easy, CURLOPT_CUSTOMREQUEST, request->method) &&
         set_text(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
         set_text(easy, CURLOPT_CAINFO, request->ca_file) &&
         set_text(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket) &&
         set_text(easy, CURLOPT_NOPROXY, is_direct ? "*" : NULL);
}

bool mkt_http_set_options(CURL *easy, const mkt_http_request *request, const char *body,
                          bool is_direct) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  set_version(easy, request);
  /* over TLS the handshake tells whether a connection can be shared; without, only its first answer
   * would, and all others would wait for it */
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, mkt_http_is_https(request->url) ? 1L : 0L);
  set_method(easy, request, body);
  set_limits(easy, request);
  set_receiving(easy, request);
  set_quick_exit(easy);
  set_security(easy);
  if (request->wants_certificate) set_certificate(easy);
  return set_texts(easy, request, is_direct);
}
