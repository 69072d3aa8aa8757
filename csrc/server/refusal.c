#include "server/refusal.h"

#include "core/signature_header.h"

#include <string.h>
#include <strings.h>

/* The answers */

#define TEXT_TYPE                                                                                  \
  { "content-type", "text/plain; charset=utf-8" }
#define FIELDS(list) .headers = (list), .header_count = sizeof(list) / sizeof((list)[0])
#define TEXT(text) .body = (text), .body_length = sizeof(text) - 1

static const mkt_field PLAIN[] = {TEXT_TYPE};
static const mkt_field ALLOWS_GET[] = {TEXT_TYPE, {"allow", "GET, HEAD"}};
static const mkt_field ALLOWS_POST[] = {TEXT_TYPE, {"allow", "POST"}};
static const mkt_field TAKES_IDENTITY[] = {TEXT_TYPE, {"accept-encoding", "identity"}};
static const mkt_field AGAIN_LATER[] = {TEXT_TYPE, {"retry-after", "5"}};

typedef struct kind {
  const char *code;
  mkt_answer answer;
} kind;

static const char UNSIGNED[] = "the signature is missing or wrong\n";

static const kind KINDS[MKT_REFUSALS] = {
    [MKT_REFUSAL_MALFORMED] = {"malformed",
                               {400, FIELDS(PLAIN), TEXT("the request is malformed\n")}},
    [MKT_REFUSAL_NO_REQUEST] = {"no_request", {.body = ""}},
    [MKT_REFUSAL_NOT_FOUND] = {"not_found", {404, FIELDS(PLAIN), TEXT("nothing is here\n")}},
    [MKT_REFUSAL_WRONG_PATH] = {"wrong_path", {404, FIELDS(PLAIN), TEXT("nothing is here\n")}},
    [MKT_REFUSAL_NOT_GET] = {"not_get",
                             {405, FIELDS(ALLOWS_GET), TEXT("only GET is answered here\n")}},
    [MKT_REFUSAL_NO_LENGTH] = {"no_length",
                               {411, FIELDS(PLAIN), TEXT("a content-length is needed\n")}},
    [MKT_REFUSAL_NOT_POST] = {"not_post",
                              {405, FIELDS(ALLOWS_POST), TEXT("only POST is answered here\n")}},
    [MKT_REFUSAL_ENCODED] = {"encoded",
                             {415, FIELDS(TAKES_IDENTITY), TEXT("only plain bodies are taken\n")}},
    [MKT_REFUSAL_TOO_LARGE] = {"too_large",
                               {413, FIELDS(PLAIN), TEXT("the body is larger than the limit\n")}},
    [MKT_REFUSAL_SIGNATURE_MISSING] = {"signature_missing", {401, FIELDS(PLAIN), TEXT(UNSIGNED)}},
    [MKT_REFUSAL_SIGNATURE_MALFORMED] = {"signature_malformed",
                                         {401, FIELDS(PLAIN), TEXT(UNSIGNED)}},
    [MKT_REFUSAL_TIMEOUT] = {"timeout",
                             {408, FIELDS(PLAIN), TEXT("the body did not arrive in time\n")}},
    [MKT_REFUSAL_OVERLOADED] = {"overloaded",
                                {503, FIELDS(AGAIN_LATER), TEXT("try again later\n")}},
};

const mkt_answer *mkt_refusal_answer(mkt_refusal refusal) {
  return &KINDS[refusal].answer;
}

const char *mkt_refusal_code(mkt_refusal refusal) {
  return KINDS[refusal].code;
}

unsigned mkt_refusal_status(mkt_refusal refusal) {
  return KINDS[refusal].answer.status;
}

/* The head */

typedef struct headers {
  size_t signatures, encodings;
  bool is_malformed; /* a signature */
  bool is_encoded;
} headers;

static bool is_identity(mkt_text value) {
  return value.n == 0 || (value.n == 8 && strncasecmp(value.p, "identity", 8) == 0);
}

static bool is_signature(mkt_text value) {
  unsigned char tag[MKT_TAG_BYTES];
  mkt_error error;
  return mkt_signature_parse(value.p, value.n, tag, &error) == MKT_OK;
}

static headers read_headers(const mkt_request *request) {
  headers found = {0};
  size_t cursor = 0;
  mkt_text name, value;
  while (mkt_request_header(request, &cursor, &name, &value)) {
    if (mkt_text_is(name, "x-apple-signature")) {
      found.is_malformed = ++found.signatures > 1 || !is_signature(value);
    } else if (mkt_text_is(name, "content-encoding")) {
      found.is_encoded = ++found.encodings > 1 || !is_identity(value);
    }
  }
  return found;
}

static mkt_refusal judge_elsewhere(const mkt_server *server, const mkt_request *request) {
  if (mkt_health_is_probe(&server->health, request)) return MKT_REFUSAL_NONE;
  if (mkt_health_has_path(&server->health, request)) return MKT_REFUSAL_NOT_GET;
  return read_headers(request).signatures > 0 ? MKT_REFUSAL_WRONG_PATH : MKT_REFUSAL_NOT_FOUND;
}

static mkt_refusal judge_fault(mkt_fault fault) {
  if (fault == MKT_FAULT_TIMEOUT) return MKT_REFUSAL_TIMEOUT;
  return fault == MKT_FAULT_OVERLOADED ? MKT_REFUSAL_OVERLOADED : MKT_REFUSAL_NONE;
}

/* Which methods there are the owner knows, but only a POST has a body that is received. */
static mkt_refusal judge_of_route(const mkt_request *request) {
  const mkt_fault fault = request->fault;
  if (fault == MKT_FAULT_NO_LENGTH) return MKT_REFUSAL_NO_LENGTH;
  if (read_headers(request).is_encoded) return MKT_REFUSAL_ENCODED;
  if (fault == MKT_FAULT_TOO_LARGE) return MKT_REFUSAL_TOO_LARGE;
  return fault == MKT_FAULT_UNREAD ? MKT_REFUSAL_NOT_POST : judge_fault(fault);
}

mkt_refusal mkt_refusal_of(const mkt_server *server, const mkt_request *request) {
  const mkt_fault fault = request->fault;
  if (fault == MKT_FAULT_MALFORMED) return MKT_REFUSAL_MALFORMED;
  if (fault == MKT_FAULT_NO_REQUEST) return MKT_REFUSAL_NO_REQUEST;
  if (request->route != NULL) return judge_of_route(request);
  if (!mkt_route_is_for_notifications(server, request)) return judge_elsewhere(server, request);
  if (fault == MKT_FAULT_NO_LENGTH) return MKT_REFUSAL_NO_LENGTH;
  if (!mkt_text_is(mkt_request_method(request), "POST")) return MKT_REFUSAL_NOT_POST;
  const headers found = read_headers(request);
  if (found.is_encoded) return MKT_REFUSAL_ENCODED;
  if (fault == MKT_FAULT_TOO_LARGE) return MKT_REFUSAL_TOO_LARGE;
  if (found.signatures == 0) return MKT_REFUSAL_SIGNATURE_MISSING;
  return found.is_malformed ? MKT_REFUSAL_SIGNATURE_MALFORMED : judge_fault(fault);
}

bool mkt_refusal_is_wanted(const mkt_server *server, const mkt_request *request) {
  if (server->path == NULL) return true;
  return mkt_route_is_for_notifications(server, request) &&
         mkt_refusal_of(server, request) == MKT_REFUSAL_NONE;
}

bool mkt_refusal_is_body_wanted(const mkt_server *server, const mkt_request *request) {
  if (request->route == NULL) return mkt_refusal_is_wanted(server, request);
  return mkt_text_is(mkt_request_method(request), "POST") &&
         mkt_refusal_of(server, request) == MKT_REFUSAL_NONE;
}
