#include "server/request.h"

#include "core/alloc.h"

#include <stdatomic.h>
#include <string.h>
#include <strings.h>

/* A handle is a generation above a slot. The generation is counted over all servers of the process,
 * so that a handle of one server means nothing to another. 52 bits fit a Lua number of any Lua. */
enum { SLOT_BITS = 20, GENERATION_BITS = 32, FIRST_SLOTS = 64, KEPT_BYTES = 4096 };

static const size_t MOST_SLOTS = (size_t)1 << SLOT_BITS;

static mkt_handle new_handle(size_t slot) {
  static _Atomic uint32_t generation;
  uint32_t next = 0;
  while (next == 0)
    next = atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed) + 1;
  return ((mkt_handle)next << SLOT_BITS) | slot;
}

static size_t slot_of(mkt_handle handle) {
  return (size_t)(handle & (MOST_SLOTS - 1));
}

static bool grow(mkt_requests *requests) {
  size_t capacity = requests->capacity > 0 ? requests->capacity * 2 : FIRST_SLOTS;
  if (capacity > MOST_SLOTS) return false;
  mkt_request **slots = mkt_resize(requests->slots, capacity * sizeof *slots);
  if (slots == NULL) return false;
  requests->slots = slots;
  requests->capacity = capacity;
  return true;
}

/* The slot of an unused request is kept in its handle's low bits, the generation is 0. */
static mkt_request *unused_request(mkt_requests *requests) {
  mkt_request *request = requests->unused;
  if (request != NULL) {
    requests->unused = request->next;
    return request;
  }
  if (requests->count == requests->capacity && !grow(requests)) return NULL;
  request = mkt_alloc_zero(sizeof *request);
  if (request == NULL) return NULL;
  request->handle = requests->count;
  requests->slots[requests->count++] = request;
  return request;
}

mkt_request *mkt_requests_add(mkt_requests *requests) {
  mkt_request *request = unused_request(requests);
  if (request == NULL) return NULL;
  mkt_buffer text = request->text;
  mkt_buffer body = request->body;
  text.maximum = SIZE_MAX;
  body.maximum = 0;
  *request =
      (mkt_request){.handle = new_handle(slot_of(request->handle)), .text = text, .body = body};
  return request;
}

void mkt_request_set_route(mkt_request *request, const mkt_route *route, size_t max_body) {
  request->route = route;
  request->body.maximum = max_body;
}

mkt_request *mkt_requests_find(const mkt_requests *requests, mkt_handle handle) {
  size_t slot = slot_of(handle);
  if (handle >> SLOT_BITS == 0 || slot >= requests->count) return NULL;
  mkt_request *request = requests->slots[slot];
  return request->handle == handle ? request : NULL;
}

mkt_code mkt_requests_add_body(mkt_requests *requests, mkt_request *request, const char *data,
                               size_t size) {
  mkt_code code = mkt_buffer_append(&request->body, data, size);
  if (code != MKT_OK) return code;
  request->counted += size;
  requests->buffered += size;
  if (request->route != NULL) requests->buffered_of_routes += size;
  return MKT_OK;
}

void mkt_requests_discard_body(mkt_requests *requests, mkt_request *request) {
  requests->buffered -= request->counted;
  if (request->route != NULL) requests->buffered_of_routes -= request->counted;
  request->counted = 0;
  mkt_request_drop_body(request);
}

void mkt_requests_remove(mkt_requests *requests, mkt_request *request) {
  mkt_request_drop_text(request);
  mkt_requests_discard_body(requests, request);
  request->handle = slot_of(request->handle);
  request->taken = false;
  request->next = requests->unused;
  requests->unused = request;
}

void mkt_requests_free(mkt_requests *requests) {
  for (size_t i = 0; i < requests->count; i++) {
    mkt_buffer_clear(&requests->slots[i]->text);
    mkt_buffer_clear(&requests->slots[i]->body);
    mkt_free(requests->slots[i]);
  }
  mkt_free(requests->slots);
}

static void empty(mkt_buffer *buffer) {
  if (buffer->capacity > KEPT_BYTES) mkt_buffer_clear(buffer);
  buffer->n = 0;
}

void mkt_request_drop_text(mkt_request *request) {
  empty(&request->text);
}

void mkt_request_drop_body(mkt_request *request) {
  empty(&request->body);
}

static bool append(mkt_request *request, const char *p, size_t n, mkt_span *span) {
  *span = (mkt_span){request->text.n, n};
  return mkt_buffer_append(&request->text, p, n) == MKT_OK;
}

/* A proxy may send the absolute form, http://host/path, which every server has to take. */
static const char *origin_form(const char *uri) {
  size_t scheme = 0;
  if (strncasecmp(uri, "http://", 7) == 0) scheme = 7;
  if (strncasecmp(uri, "https://", 8) == 0) scheme = 8;
  if (scheme == 0) return uri;
  return uri + scheme + strcspn(uri + scheme, "/?");
}

bool mkt_request_set_line(mkt_request *request, const char *uri, const char *remote) {
  const char *path = origin_form(uri);
  size_t length = strcspn(path, "?");
  request->has_query = path[length] == '?';
  const char *query = path + length + (request->has_query ? 1 : 0);
  /* "http://host" and "http://host?query" ask for the root */
  return append(request, length > 0 ? path : "/", length > 0 ? length : 1, &request->path) &&
         append(request, query, strlen(query), &request->query) &&
         append(request, remote, strlen(remote), &request->remote);
}

bool mkt_request_set_method(mkt_request *request, const char *method) {
  return append(request, method, strlen(method), &request->method);
}

void mkt_request_begin_headers(mkt_request *request) {
  request->headers = (mkt_span){request->text.n, 0};
}

/* A header is kept as its two lengths, the name and the value, one behind the other. */
bool mkt_request_add_header(mkt_request *request, const char *name, size_t name_length,
                            const char *value, size_t value_length) {
  const size_t lengths[2] = {name_length, value_length};
  bool added = mkt_buffer_append(&request->text, (const char *)lengths, sizeof lengths) == MKT_OK &&
               mkt_buffer_append(&request->text, name, name_length) == MKT_OK &&
               mkt_buffer_append(&request->text, value, value_length) == MKT_OK;
  request->headers.n = request->text.n - request->headers.at;
  return added;
}

bool mkt_request_header(const mkt_request *request, size_t *cursor, mkt_text *name,
                        mkt_text *value) {
  if (*cursor >= request->headers.n) return false;
  const char *p = request->text.p + request->headers.at + *cursor;
  size_t lengths[2];
  memcpy(lengths, p, sizeof lengths);
  *name = (mkt_text){p + sizeof lengths, lengths[0]};
  *value = (mkt_text){name->p + lengths[0], lengths[1]};
  *cursor += sizeof lengths + lengths[0] + lengths[1];
  return true;
}

static mkt_text text_at(const mkt_request *request, mkt_span span) {
  return (mkt_text){request->text.p + span.at, span.n};
}

bool mkt_text_is(mkt_text text, const char *expected) {
  return text.n == strlen(expected) && memcmp(text.p, expected, text.n) == 0;
}

const mkt_request *mkt_request_next(const mkt_request *request) {
  return request->next;
}

mkt_handle mkt_request_handle(const mkt_request *request) {
  return request->handle;
}

mkt_fault mkt_request_fault(const mkt_request *request) {
  return request->fault;
}

unsigned mkt_request_answered(const mkt_request *request) {
  return request->answered;
}

mkt_text mkt_request_method(const mkt_request *request) {
  return text_at(request, request->method);
}

mkt_text mkt_request_path(const mkt_request *request) {
  return text_at(request, request->path);
}

mkt_text mkt_request_query(const mkt_request *request) {
  return request->has_query ? text_at(request, request->query) : (mkt_text){NULL, 0};
}

mkt_text mkt_request_remote(const mkt_request *request) {
  return text_at(request, request->remote);
}

mkt_text mkt_request_body(const mkt_request *request) {
  if (request->fault != MKT_FAULT_NONE) return (mkt_text){NULL, 0};
  if (request->body.n == 0) return (mkt_text){"", 0};
  return (mkt_text){request->body.p, request->body.n};
}
