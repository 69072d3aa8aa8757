#include "notification.h"

#include <string.h>

static const char *const event_words[] = {
#define MKT_EVENT_WORD(name, word) word,
    MKT_EVENTS(MKT_EVENT_WORD)
#undef MKT_EVENT_WORD
};

const char *mkt_event_word(mkt_event event) {
  return event_words[event];
}

typedef struct type_entry {
  const char *name;
  size_t n;
  mkt_event event;
  mkt_event event_when_available;
} type_entry;

static const type_entry types[MKT_TYPE_COUNT] = {
#define MKT_TYPE_ENTRY(name, event, event_when_available)                                          \
  {name, sizeof(name) - 1, MKT_EVENT_##event, MKT_EVENT_##event_when_available},
    MKT_TYPES(MKT_TYPE_ENTRY)
#undef MKT_TYPE_ENTRY
};

const char *mkt_type_name(int known_type) {
  return types[known_type].name;
}

/* A resource identifier, {"type","id"}, of JSON:API. */
typedef struct resource {
  mkt_json_text type;
  mkt_json_text id;
} resource;

/* The first member that has a type it must not have. */
typedef struct complaint {
  const char *problem;
  size_t offset;
} complaint;

typedef enum availability { AVAILABLE_ABSENT, AVAILABLE_FALSE, AVAILABLE_TRUE } availability;

/* What the body says, whatever its type: the type may stand behind everything it decides about. */
typedef struct draft {
  mkt_json *json;
  mkt_notification *out;
  bool has_data;
  size_t data_start;
  complaint envelope;
  complaint content; /* of no weight where the type is not one whose content is known */
  availability available;
  mkt_json_text sent_timestamp;
  mkt_json_text attribute_timestamp;
  mkt_json_text event_timestamp;
  resource instance;
  resource marketplace_app;
} draft;

#define IS(text, literal) mkt_json_is(text, literal, sizeof(literal) - 1)

/* The reader of one member's value, which `token` starts, to the value's end. False on a fault of
 * the JSON; what is wrong with the meaning becomes a complaint. */
typedef bool member_reader(draft *d, mkt_json_text name, mkt_json_token token);

/* Reads the members of the object that `opening` starts; null counts as absent. */
static bool read_members(draft *d, member_reader *read_member) {
  for (;;) {
    mkt_json_token token = mkt_json_next(d->json);
    if (token != MKT_JSON_NAME) return token == MKT_JSON_OBJECT_END;
    mkt_json_text name = d->json->text;
    token = mkt_json_next(d->json);
    if (token == MKT_JSON_FAULT) return false;
    if (token != MKT_JSON_NULL && !read_member(d, name, token)) return false;
  }
}

static bool complain(draft *d, complaint *about, mkt_json_token token, const char *problem) {
  if (about->problem == NULL) *about = (complaint){problem, d->json->start};
  return mkt_json_skip(d->json, token);
}

static bool has_control_character(mkt_json_text text) {
  if (!text.escaped)
    return memchr(text.p, 0x7F, text.n) != NULL; /* JSON has ruled out the others */
  char decoded[MKT_MAX_ID_BYTES];
  size_t n = mkt_json_decode(text, decoded);
  for (size_t i = 0; i < n; i++) {
    if ((unsigned char)decoded[i] < 0x20 || decoded[i] == 0x7F) return true;
  }
  return false;
}

static const char *identifier_problem(mkt_json_token token, mkt_json_text text) {
  if (token != MKT_JSON_STRING) return "an identifier is not a string";
  if (text.n > MKT_MAX_ID_BYTES) return "an identifier is longer than 255 bytes";
  if (has_control_character(text)) return "an identifier has a control character";
  return NULL;
}

/* Identifiers are opaque, but they become keys of databases and words of log lines. An empty one
 * names nothing and counts as absent. */
static bool read_id(draft *d, complaint *about, mkt_json_token token, mkt_json_text *id) {
  const char *problem = identifier_problem(token, d->json->text);
  if (problem != NULL) return complain(d, about, token, problem);
  if (d->json->text.n > 0) *id = d->json->text;
  return true;
}

static bool read_timestamp(draft *d, complaint *about, mkt_json_token token, mkt_json_text *out) {
  if (token != MKT_JSON_STRING) return complain(d, about, token, "a timestamp is not a string");
  *out = d->json->text;
  return true;
}

static bool read_available(draft *d, mkt_json_token token) {
  if (token != MKT_JSON_TRUE && token != MKT_JSON_FALSE) {
    return complain(d, &d->content, token, "available is neither true nor false");
  }
  d->available = token == MKT_JSON_TRUE ? AVAILABLE_TRUE : AVAILABLE_FALSE;
  return true;
}

static mkt_json_text since(const draft *d, size_t start) {
  return (mkt_json_text){d->json->p + start, d->json->position - start, false};
}

static bool read_id_list(draft *d, mkt_json_token token, mkt_json_text *list) {
  if (token != MKT_JSON_ARRAY) return complain(d, &d->content, token, "a list is missing");
  size_t start = d->json->start;
  while ((token = mkt_json_next(d->json)) != MKT_JSON_ARRAY_END) {
    mkt_json_text id = {NULL, 0, false};
    if (token == MKT_JSON_FAULT || !read_id(d, &d->content, token, &id)) return false;
    if (id.p == NULL) (void)complain(d, &d->content, MKT_JSON_NULL, "a list has an empty element");
  }
  *list = since(d, start);
  return true;
}

static bool read_attribute(draft *d, mkt_json_text name, mkt_json_token token) {
  mkt_notification *out = d->out;
  complaint *about = &d->content;
  if (IS(name, "appId")) return read_id(d, about, token, &out->app_id);
  if (IS(name, "marketplaceAppId")) return read_id(d, about, token, &out->marketplace_app_id);
  if (IS(name, "alternativeDistributionPackageId")) {
    return read_id(d, about, token, &out->package_id);
  }
  if (IS(name, "alternativeDistributionPackageVersionId")) {
    return read_id(d, about, token, &out->package_version_id);
  }
  if (IS(name, "alternativeDistributionPackageIds")) {
    return read_id_list(d, token, &out->package_ids);
  }
  if (IS(name, "territories")) return read_id_list(d, token, &out->territories);
  if (IS(name, "available")) return read_available(d, token);
  if (IS(name, "eventTimestamp")) return read_timestamp(d, about, token, &d->event_timestamp);
  if (IS(name, "timestamp")) return read_timestamp(d, about, token, &d->attribute_timestamp);
  return mkt_json_skip(d->json, token);
}

static bool read_resource_member(draft *d, resource *to, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "type")) return read_id(d, &d->content, token, &to->type);
  if (IS(name, "id")) return read_id(d, &d->content, token, &to->id);
  return mkt_json_skip(d->json, token);
}

static bool read_instance_data(draft *d, mkt_json_text name, mkt_json_token token) {
  return read_resource_member(d, &d->instance, name, token);
}

static bool read_marketplace_app_data(draft *d, mkt_json_text name, mkt_json_token token) {
  return read_resource_member(d, &d->marketplace_app, name, token);
}

static bool read_linkage(draft *d, mkt_json_token token, member_reader *read_member) {
  if (token == MKT_JSON_OBJECT) return read_members(d, read_member);
  return complain(d, &d->content, token, "a relationship is not an object");
}

/* Apple sends {"data":{"type","id"}}, with or without "links", and for some types the flat
 * {"type","id"}. */
static bool read_instance(draft *d, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "data")) return read_linkage(d, token, read_instance_data);
  return read_instance_data(d, name, token);
}

static bool read_marketplace_app(draft *d, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "data")) return read_linkage(d, token, read_marketplace_app_data);
  return read_marketplace_app_data(d, name, token);
}

static bool read_relationship(draft *d, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "instance")) return read_linkage(d, token, read_instance);
  if (IS(name, "marketplaceApp")) return read_linkage(d, token, read_marketplace_app);
  return mkt_json_skip(d->json, token);
}

static bool read_object(draft *d, mkt_json_token token, member_reader *read_member,
                        mkt_json_text *whole, const char *problem) {
  if (token != MKT_JSON_OBJECT) return complain(d, &d->content, token, problem);
  size_t start = d->json->start;
  if (!read_members(d, read_member)) return false;
  *whole = since(d, start);
  return true;
}

static bool read_version(draft *d, mkt_json_token token) {
  if (token != MKT_JSON_NUMBER && token != MKT_JSON_STRING) return mkt_json_skip(d->json, token);
  d->out->version = since(d, d->json->start);
  return true;
}

static bool read_data_member(draft *d, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "type")) return read_id(d, &d->envelope, token, &d->out->type);
  if (IS(name, "id")) return read_id(d, &d->envelope, token, &d->out->id);
  if (IS(name, "version")) return read_version(d, token);
  if (IS(name, "timestamp")) return read_timestamp(d, &d->content, token, &d->sent_timestamp);
  if (IS(name, "attributes")) {
    return read_object(d, token, read_attribute, &d->out->attributes,
                       "attributes are not an object");
  }
  if (IS(name, "relationships")) {
    return read_object(d, token, read_relationship, &d->out->relationships,
                       "relationships are not an object");
  }
  return mkt_json_skip(d->json, token);
}

static bool read_document_member(draft *d, mkt_json_text name, mkt_json_token token) {
  if (!IS(name, "data")) return mkt_json_skip(d->json, token);
  if (token != MKT_JSON_OBJECT) return complain(d, &d->envelope, token, "data is not an object");
  d->has_data = true;
  d->data_start = d->json->start;
  return read_members(d, read_data_member);
}

static bool read_document(draft *d) {
  mkt_json_token token = mkt_json_next(d->json);
  if (token == MKT_JSON_FAULT) return false;
  bool read = token == MKT_JSON_OBJECT
                  ? read_members(d, read_document_member)
                  : complain(d, &d->envelope, token, "the document is not an object");
  return read && mkt_json_next(d->json) == MKT_JSON_END;
}

static int find_type(mkt_json_text name) {
  for (int i = 0; i < MKT_TYPE_COUNT; i++) {
    if (mkt_json_is(name, types[i].name, types[i].n)) return i;
  }
  return MKT_TYPE_UNKNOWN;
}

static mkt_event event_of(const draft *d) {
  if (d->out->known_type == MKT_TYPE_UNKNOWN) return MKT_EVENT_OTHER;
  const type_entry *type = &types[d->out->known_type];
  return d->available == AVAILABLE_TRUE ? type->event_when_available : type->event;
}

static bool needs_available(int known_type) {
  return types[known_type].event != types[known_type].event_when_available;
}

/* Generation 1 names its types as classes, generation 2 as members: the first letter tells, for
 * types that are not known yet too. */
static int generation_of(const mkt_notification *notification) {
  const char *name = notification->type.p;
  if (notification->known_type != MKT_TYPE_UNKNOWN) name = mkt_type_name(notification->known_type);
  /* find_complaint has seen that there is a type;
   * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
  return name[0] >= 'A' && name[0] <= 'Z' ? 1 : 2;
}

static complaint find_complaint(const draft *d) {
  if (d->envelope.problem != NULL) return d->envelope;
  if (!d->has_data) return (complaint){"the document has no data", 0};
  if (d->out->type.p == NULL) return (complaint){"data has no type", d->data_start};
  mkt_event event = event_of(d);
  if (event == MKT_EVENT_OTHER || event == MKT_EVENT_PING) return (complaint){NULL, 0};
  if (d->content.problem != NULL) return d->content;
  if (needs_available(d->out->known_type) && d->available == AVAILABLE_ABSENT) {
    return (complaint){"attributes.available is missing", d->data_start};
  }
  return (complaint){NULL, 0};
}

/* Of an event that nothing depends on, lists that are not what they should be are as good as
 * absent. */
static void drop_lists(mkt_notification *out) {
  out->territories = (mkt_json_text){0};
  out->package_ids = (mkt_json_text){0};
}

static mkt_json_text first_present(mkt_json_text a, mkt_json_text b) {
  return a.p != NULL ? a : b;
}

static void adopt_relationships(draft *d) {
  mkt_notification *out = d->out;
  out->marketplace_app_id = first_present(out->marketplace_app_id, d->marketplace_app.id);
  if (d->instance.type.p == NULL) return;
  if (IS(d->instance.type, "alternativeDistributionPackageVersions")) {
    out->package_version_id = first_present(out->package_version_id, d->instance.id);
  }
  if (IS(d->instance.type, "alternativeDistributionPackages")) {
    out->package_id = first_present(out->package_id, d->instance.id);
  }
}

static void adopt_time(draft *d) {
  mkt_notification *out = d->out;
  out->timestamp =
      first_present(first_present(d->event_timestamp, d->attribute_timestamp), d->sent_timestamp);
  if (out->timestamp.p == NULL || out->timestamp.escaped) return;
  out->has_time = mkt_timestamp_parse(out->timestamp.p, out->timestamp.n, &out->time);
}

mkt_code mkt_notification_parse(const char *body, size_t n, mkt_notification *out,
                                mkt_error *error) {
  mkt_json json;
  draft d = {.json = &json, .out = out};
  *out = (mkt_notification){.event = MKT_EVENT_OTHER, .known_type = MKT_TYPE_UNKNOWN};
  if (n > MKT_JSON_MAX_BYTES) {
    return mkt_fail(error, MKT_ERR_TOO_LARGE, "the body has %zu bytes, more than 16 MiB", n);
  }
  mkt_json_init(&json, body, n, MKT_JSON_UNIQUE_NAMES);
  if (!read_document(&d)) {
    return mkt_fail_at(error, MKT_ERR_JSON_INVALID, json.position, json.problem);
  }
  if (out->type.p != NULL) out->known_type = find_type(out->type);
  complaint found = find_complaint(&d);
  if (found.problem != NULL) {
    return mkt_fail_at(error, MKT_ERR_NOTIFICATION_INVALID, found.offset, found.problem);
  }
  out->event = event_of(&d);
  if (d.content.problem != NULL) drop_lists(out);
  out->generation = generation_of(out);
  adopt_relationships(&d);
  adopt_time(&d);
  return MKT_OK;
}
