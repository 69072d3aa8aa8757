#include "http.h"

#include "alloc.h"
#include "http_connect.h"
#include "http_feed.h"
#include "http_lines.h"
#include "http_options.h"
#include "http_pool.h"
#include "http_url.h"
#include "sigpipe.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
  HEAD_MOST = 65536,
  WINDOW = 262144,       /* of a streamed body; libcurl hands over 16 KiB at a time */
  REFUSAL_MOST = 1048576 /* bytes of what came in place of a body to stream */
};

struct mkt_http_exchange {
  mkt_http_pool *pool;
  CURL *easy; /* NULL once it is done */
  mkt_http_lines lines;
  mkt_http_connect connect;
  mkt_http_certificate certificate;
  mkt_http_feed feed; /* the sink, if there is one */
  char *sent_body;
  size_t sent_body_n;
  mkt_buffer head;
  mkt_buffer body;
  size_t received;
  size_t max_response;
  bool may_be_streamed;
  bool is_streamed;
  bool is_fed; /* to the sink */
  bool is_paused;
  bool is_done;
  bool was_sent;
  bool head_is_complete;
  int status;
  bool was_refused;   /* a callback refused bytes, */
  mkt_code sink_code; /* for this reason */
  mkt_error error;    /* of code MKT_OK if it succeeded */
  char detail[CURL_ERROR_SIZE];
};

/* What libcurl calls back */

static size_t refuse(mkt_http_exchange *e, mkt_code code) {
  e->was_refused = true;
  e->sink_code = code;
  return 0;
}

static bool is_blank(const char *line, size_t n) {
  return n == 0 || (n <= 2 && line[n - 1] == '\n');
}

/* Of several answers, such as 100 and 200, the last counts; trailers are passed over. */
static size_t take_line(char *line, size_t size, size_t count, void *context) {
  mkt_http_exchange *e = context;
  size_t n = size * count;
  if (n > 5 && strncasecmp(line, "HTTP/", 5) == 0) {
    e->head.n = 0;
    e->head_is_complete = false;
  }
  if (e->head_is_complete) return n;
  if (is_blank(line, n)) {
    long status = 0;
    (void)curl_easy_getinfo(e->easy, CURLINFO_RESPONSE_CODE, &status);
    e->head_is_complete = true;
    e->status = status >= 200 ? (int)status : 0;
    e->is_streamed = e->may_be_streamed && status >= 200 && status <= 299;
    e->is_fed = e->feed.sink != NULL && (status == 200 || status == 206);
    return n;
  }
  mkt_code code = mkt_buffer_append(&e->head, line, n);
  return code == MKT_OK ? n : refuse(e, code);
}

/* If the body was to be streamed, any other answer is kept whole and must be small. */
static size_t most_of(const mkt_http_exchange *e) {
  bool is_refusal = (e->may_be_streamed || e->feed.sink != NULL) && !e->is_streamed;
  return is_refusal && e->max_response > REFUSAL_MOST ? REFUSAL_MOST : e->max_response;
}

static size_t take_bytes(char *p, size_t size, size_t count, void *context) {
  mkt_http_exchange *e = context;
  size_t n = size * count;
  if (e->is_fed) return mkt_http_feed_take(&e->feed, e->status, p, n);
  size_t most = most_of(e);
  if (n > most - e->received) return refuse(e, MKT_ERR_TOO_LARGE);
  if (e->is_streamed && e->body.n > 0 && e->body.n + n > WINDOW) {
    e->is_paused = true;
    e->pool->has_paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  mkt_code code = mkt_buffer_append(&e->body, p, n);
  if (code != MKT_OK) return refuse(e, code);
  e->received += n;
  return n;
}

/* libcurl's own sockets would be inherited by every program that this one starts. */
static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  (void)context;
  (void)purpose;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Starting */

/* What the exchange itself takes from libcurl and gives to it. */
static void set_own_options(mkt_http_exchange *e) {
  CURL *easy = e->easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, e);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, e->detail);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, e->lines.list);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_line);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, e);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, e);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  if (e->connect.entry.data != NULL) {
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, &e->connect.entry);
  }
}

/* Plain HTTP is for loopback addresses, and it is not the URL's host that is asked. */
static mkt_code check_connect(const mkt_http_request *request, bool *is_direct, mkt_error *error) {
  if (request->connect_to == NULL) return MKT_OK;
  *is_direct = true;
  if (request->plain_is_allowed || mkt_http_is_https(request->url)) return MKT_OK;
  return mkt_fail(error, MKT_ERR_REQUEST_INVALID,
                  "http:// is not allowed if another address is connected to: use https://");
}

static mkt_code check(const mkt_http_request *request, bool *is_direct, mkt_error *error) {
  if (!mkt_http_is_method(request->method)) {
    return mkt_fail(error, MKT_ERR_REQUEST_INVALID, "the method is not an HTTP method");
  }
  mkt_code code = mkt_http_check_url(request->url, request->plain_is_allowed, is_direct, error);
  return code == MKT_OK ? check_connect(request, is_direct, error) : code;
}

static bool copy_body(mkt_http_exchange *e, const mkt_http_request *request) {
  if (request->body == NULL) return true;
  e->sent_body = mkt_alloc(request->body_n);
  if (e->sent_body == NULL) return false;
  memcpy(e->sent_body, request->body, request->body_n);
  e->sent_body_n = request->body_n;
  return true;
}

static mkt_code begin(mkt_http_exchange *e, const mkt_http_request *request, bool is_direct,
                      mkt_error *error) {
  mkt_code code = mkt_http_lines_copy(&e->lines, request->headers, request->header_count, error);
  if (code == MKT_OK && request->connect_to != NULL) {
    code = mkt_http_connect_set(&e->connect, request->connect_to, error);
  }
  if (code != MKT_OK) return code;
  e->pool = mkt_http_pool_own();
  if (e->pool == NULL || !copy_body(e, request)) {
    return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  }
  e->easy = mkt_http_pool_borrow(e->pool);
  if (e->easy == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  set_own_options(e);
  CURLMcode added = mkt_http_set_options(e->easy, request, e->sent_body, is_direct)
                        ? curl_multi_add_handle(e->pool->multi, e->easy)
                        : CURLM_OUT_OF_MEMORY;
  if (added == CURLM_OK) {
    e->pool->running++;
    if (request->sink != NULL) mkt_http_feed_start(&e->feed, request->sink, e->pool, e->easy);
    return MKT_OK;
  }
  mkt_http_pool_return(e->pool, e->easy);
  e->easy = NULL;
  if (added == CURLM_OUT_OF_MEMORY) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  return mkt_fail(error, MKT_ERR_HTTP_FAILED, "%s", curl_multi_strerror(added));
}

mkt_code mkt_http_start(mkt_http_exchange **exchange, const mkt_http_request *request,
                        mkt_error *error) {
  bool is_direct = false;
  *exchange = NULL;
  mkt_code code = check(request, &is_direct, error);
  if (code != MKT_OK) return code;
  mkt_http_exchange *e = mkt_alloc_zero(sizeof *e);
  if (e == NULL) return mkt_fail(error, MKT_ERR_OUT_OF_MEMORY, NULL);
  mkt_buffer_init(&e->head, HEAD_MOST);
  mkt_buffer_init(&e->body, request->max_response);
  e->max_response = request->max_response;
  e->may_be_streamed = request->is_streamed;
  e->sink_code = MKT_ERR_HTTP_FAILED;
  code = begin(e, request, is_direct, error);
  if (code == MKT_OK) {
    *exchange = e;
  } else {
    mkt_http_end(e);
  }
  return code;
}

/* Going on and finishing */

static mkt_code code_of(CURLcode result, const mkt_http_exchange *e) {
  switch (result) {
  case CURLE_OPERATION_TIMEDOUT:
    return MKT_ERR_TIMEOUT;
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
  case CURLE_SSL_CONNECT_ERROR: /* cut off in the handshake; what is not trusted is told below */
    return MKT_ERR_CONNECT_FAILED;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
    return MKT_ERR_TLS_FAILED;
  case CURLE_OUT_OF_MEMORY:
    return MKT_ERR_OUT_OF_MEMORY;
  case CURLE_WRITE_ERROR:
    return e->sink_code;
  default:
    return MKT_ERR_HTTP_FAILED;
  }
}

static const char *text_of(CURLcode result, const mkt_http_exchange *e) {
  if (result == CURLE_WRITE_ERROR) return mkt_code_text(e->sink_code);
  return e->detail[0] != '\0' ? e->detail : curl_easy_strerror(result);
}

/* The easy handle goes back at once: what stays is the answer. */
static void release(mkt_http_exchange *e) {
  long bytes = 0;
  (void)curl_easy_getinfo(e->easy, CURLINFO_REQUEST_SIZE, &bytes);
  e->was_sent = bytes > 0;
  e->is_paused = false;
  mkt_http_feed_end(&e->feed);
  mkt_http_pool_return(e->pool, e->easy);
  e->easy = NULL;
  e->pool->running--;
}

static void finish(mkt_http_exchange *e, CURLcode result) {
  e->is_done = true;
  e->error.code = MKT_OK;
  if (e->was_refused) result = CURLE_WRITE_ERROR;
  if (e->feed.has_failed) {
    e->error = e->feed.error;
  } else if (result != CURLE_OK) {
    (void)mkt_fail(&e->error, code_of(result, e), "%s", text_of(result, e));
  } else if (e->status == 0) {
    (void)mkt_fail(&e->error, MKT_ERR_HTTP_FAILED,
                   "the connection ended in the middle of the response's headers");
  }
  mkt_error problem;
  if (mkt_http_certificate_read(&e->certificate, e->easy, &problem) != MKT_OK) e->error = problem;
  release(e);
}

static void finish_those_done(mkt_http_pool *pool) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
    mkt_http_exchange *e = NULL;
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode result = message->data.result; /* the message ends with its easy handle */
    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &e);
    finish(e, result);
  }
}

static void move_on(mkt_http_pool *pool, int milliseconds_most) {
  int before = pool->running, running = 0;
  mkt_http_feed_resume(pool);
  (void)curl_multi_perform(pool->multi, &running);
  if (running == before && !pool->has_paused && milliseconds_most > 0) {
    (void)curl_multi_poll(pool->multi, NULL, 0, milliseconds_most, NULL);
    mkt_http_feed_resume(pool);
    (void)curl_multi_perform(pool->multi, &running);
  }
  pool->has_paused = false;
  finish_those_done(pool);
}

int mkt_http_poll(int milliseconds_most) {
  mkt_http_pool *pool = mkt_http_pool_own();
  if (pool == NULL || pool->running == 0) return 0;
  if (mkt_http_pool_may_raise_sigpipe()) {
    mkt_sigpipe_guard guard = mkt_sigpipe_hold();
    move_on(pool, milliseconds_most);
    mkt_sigpipe_release(&guard);
  } else {
    move_on(pool, milliseconds_most);
  }
  return pool->running;
}

void mkt_http_take(mkt_http_exchange *e) {
  e->body.n = 0;
  if (!e->is_paused) return;
  e->is_paused = false;
  mkt_sigpipe_guard guard = mkt_sigpipe_hold();
  /* it hands over what it holds; a failure of that is told by was_refused when the exchange ends */
  (void)curl_easy_pause(e->easy, CURLPAUSE_CONT);
  mkt_sigpipe_release(&guard);
}

void mkt_http_end(mkt_http_exchange *e) {
  if (e == NULL) return;
  if (e->easy != NULL && mkt_http_pool_is_ours(e->pool)) {
    mkt_sigpipe_guard guard = mkt_sigpipe_hold();
    release(e);
    mkt_sigpipe_release(&guard);
  }
  mkt_http_lines_clear(&e->lines);
  mkt_http_certificate_clear(&e->certificate);
  if (e->sent_body != NULL) OPENSSL_cleanse(e->sent_body, e->sent_body_n);
  mkt_free(e->sent_body);
  mkt_buffer_clear(&e->head);
  mkt_buffer_clear(&e->body);
  mkt_free(e);
}

/* What there is to know */

bool mkt_http_is_done(const mkt_http_exchange *e) {
  return e->is_done;
}

mkt_code mkt_http_result(const mkt_http_exchange *e, mkt_error *error) {
  if (e->error.code != MKT_OK && error != NULL) *error = e->error;
  return e->error.code;
}

/* libcurl looks at this option each time that it may receive. */
void mkt_http_limit(mkt_http_exchange *e, size_t most_per_second) {
  if (e->easy == NULL) return;
  curl_easy_setopt(e->easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)most_per_second);
}

bool mkt_http_was_sent(const mkt_http_exchange *e) {
  return !e->is_done || e->was_sent;
}

int mkt_http_status(const mkt_http_exchange *e) {
  return e->status;
}

const mkt_buffer *mkt_http_head(const mkt_http_exchange *e) {
  return &e->head;
}

const mkt_http_certificate *mkt_http_certificate_of(const mkt_http_exchange *e) {
  return e->certificate.is_known ? &e->certificate : NULL;
}

const mkt_buffer *mkt_http_body(const mkt_http_exchange *e) {
  return &e->body;
}

bool mkt_http_is_ours(const mkt_http_exchange *e) {
  return mkt_http_pool_is_ours(e->pool);
}
