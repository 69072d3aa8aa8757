#include "server/health.h"

#include "core/alloc.h"
#include "server/answer.h"

#include <string.h>

static struct MHD_Response *line(const char *text, bool close) {
  static const mkt_field plain = {"content-type", "text/plain; charset=utf-8"};
  const mkt_answer answer = {
      .headers = &plain, .header_count = 1, .body = text, .body_length = strlen(text)};
  return mkt_answer_response(&answer, close);
}

bool mkt_health_init(mkt_health *health, const mkt_server_options *options) {
  health->ok = line("ok\n", false);
  health->last_ok = line("ok\n", true);
  health->stopping = line("stopping\n", true);
  health->late = line("busy with the inbox or a callback\n", true);
  return health->ok != NULL && health->last_ok != NULL && health->stopping != NULL &&
         health->late != NULL && mkt_alloc_copy(&health->live_path, options->live_path) &&
         mkt_alloc_copy(&health->ready_path, options->ready_path);
}

void mkt_health_clear(mkt_health *health) {
  struct MHD_Response *responses[] = {health->ok, health->last_ok, health->stopping, health->late};
  for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
    if (responses[i] != NULL) MHD_destroy_response(responses[i]);
  }
  mkt_free(health->live_path);
  mkt_free(health->ready_path);
}

static bool is_got(const mkt_request *request, const char *path) {
  if (path == NULL || !mkt_text_is(mkt_request_path(request), path)) return false;
  mkt_text method = mkt_request_method(request);
  return mkt_text_is(method, "GET") || mkt_text_is(method, "HEAD");
}

bool mkt_health_is_live_asked(const mkt_health *health, const mkt_request *request) {
  return is_got(request, health->live_path);
}

bool mkt_health_is_ready_asked(const mkt_health *health, const mkt_request *request) {
  return is_got(request, health->ready_path);
}
