#include "http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

typedef struct exchange {
  CURL *curl;
  struct curl_slist *headers;
  mkt_http_response *response;
  mkt_code sink_code; /* why the sink refused bytes */
  char detail[CURL_ERROR_SIZE];
} exchange;

static void initialise_curl(void) {
  (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t sink(char *p, size_t size, size_t count, void *context) {
  exchange *e = context;
  e->sink_code = mkt_buffer_append(&e->response->body, p, size * count);
  return e->sink_code == MKT_OK ? size * count : 0;
}

static bool add_header(exchange *e, const char *line) {
  struct curl_slist *longer = curl_slist_append(e->headers, line);
  if (longer != NULL) e->headers = longer;
  return longer != NULL;
}

/* libcurl's habit of asking for 100-continue would cost a second on servers that ignore it. */
static bool add_headers(exchange *e, const mkt_http_request *request) {
  for (size_t i = 0; i < request->header_count; i++) {
    if (!add_header(e, request->headers[i])) return false;
  }
  return add_header(e, "Expect:");
}

static void set_options(exchange *e, const mkt_http_request *request) {
  CURL *curl = e->curl;
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, e->detail);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_URL, request->url);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, e->headers);
  if (request->body != NULL) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_n);
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(request->timeout * 1000));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sink);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, e);
  if (request->ca_file != NULL) curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
}

static mkt_code code_of(CURLcode result, const exchange *e) {
  switch (result) {
  case CURLE_OPERATION_TIMEDOUT:
    return MKT_ERR_TIMEOUT;
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
    return MKT_ERR_CONNECT_FAILED;
  case CURLE_SSL_CONNECT_ERROR:
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

static mkt_code perform(exchange *e, mkt_error *error) {
  CURLcode result = curl_easy_perform(e->curl);
  if (result != CURLE_OK) {
    const char *detail = e->detail[0] != '\0' ? e->detail : curl_easy_strerror(result);
    return mkt_fail(error, code_of(result, e), "%s", detail);
  }
  long status = 0;
  curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
  e->response->status = (int)status;
  return MKT_OK;
}

mkt_code mkt_http_exchange(const mkt_http_request *request, mkt_http_response *response,
                           mkt_error *error) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, initialise_curl);
  response->status = 0;
  mkt_buffer_init(&response->body, request->max_response);
  exchange e = {.curl = curl_easy_init(), .response = response, .sink_code = MKT_ERR_HTTP_FAILED};
  mkt_code code = MKT_ERR_OUT_OF_MEMORY;
  if (e.curl == NULL || !add_headers(&e, request)) {
    (void)mkt_fail(error, code, NULL);
  } else {
    set_options(&e, request);
    code = perform(&e, error);
  }
  curl_slist_free_all(e.headers);
  curl_easy_cleanup(e.curl);
  return code;
}

void mkt_http_response_clear(mkt_http_response *response) {
  mkt_buffer_clear(&response->body);
}
