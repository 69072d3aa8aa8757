#include "server/health.h"

#include "core/alloc.h"
#include "server/answer.h"

#include <string.h>

static const mkt_field PLAIN[] = {{"content-type", "text/plain; charset=utf-8"}};

#define LINE(code, text)                                                                           \
  {                                                                                                \
    .status = (code), .headers = PLAIN, .header_count = 1, .body = (text),                         \
    .body_length = sizeof(text) - 1                                                                \
  }

const mkt_answer mkt_health_ok = LINE(MHD_HTTP_OK, "ok\n");
const mkt_answer mkt_health_stopping = LINE(MHD_HTTP_SERVICE_UNAVAILABLE, "stopping\n");
const mkt_answer mkt_health_late =
    LINE(MHD_HTTP_SERVICE_UNAVAILABLE, "busy with the inbox or a callback\n");

bool mkt_health_init(mkt_health *health, const mkt_server_options *options) {
  health->ok = mkt_answer_response(&mkt_health_ok, false);
  health->last_ok = mkt_answer_response(&mkt_health_ok, true);
  health->stopping = mkt_answer_response(&mkt_health_stopping, true);
  return health->ok != NULL && health->last_ok != NULL && health->stopping != NULL &&
         mkt_alloc_copy(&health->live_path, options->live_path) &&
         mkt_alloc_copy(&health->ready_path, options->ready_path);
}

void mkt_health_clear(mkt_health *health) {
  struct MHD_Response *responses[] = {health->ok, health->last_ok, health->stopping};
  for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
    if (responses[i] != NULL) MHD_destroy_response(responses[i]);
  }
  mkt_free(health->live_path);
  mkt_free(health->ready_path);
}

static bool is_path(const mkt_request *request, const char *path) {
  return path != NULL && mkt_text_is(mkt_request_path(request), path);
}

static bool is_got(const mkt_request *request) {
  mkt_text method = mkt_request_method(request);
  return mkt_text_is(method, "GET") || mkt_text_is(method, "HEAD");
}

bool mkt_health_is_live_asked(const mkt_health *health, const mkt_request *request) {
  return is_path(request, health->live_path) && is_got(request);
}

bool mkt_health_is_ready_asked(const mkt_health *health, const mkt_request *request) {
  return is_path(request, health->ready_path) && is_got(request);
}

bool mkt_health_has_path(const mkt_health *health, const mkt_request *request) {
  return is_path(request, health->live_path) || is_path(request, health->ready_path);
}

bool mkt_health_is_probe(const mkt_health *health, const mkt_request *request) {
  return mkt_health_has_path(health, request) && is_got(request);
}
