#include "notification.h"

#include <stdio.h>
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

/* The first member that is not what it must be: "data.attributes.", "appId", "is not a string". */
typedef struct complaint {
  const char *where;
  const char *member;
  const char *problem; /* NULL: none */
  size_t offset;
} complaint;

typedef enum availability { AVAILABLE_ABSENT, AVAILABLE_FALSE, AVAILABLE_TRUE } availability;

/* What the body says, whatever its type: the type may stand behind everything it decides about. */
typedef struct draft {
  mkt_json *json;
  mkt_notification *out;
  bool has_data;
  size_t data_start;
  const char *where; /* of the members that are being read */
  complaint envelope;
  complaint content; /* ignored unless the type is one whose content is known */
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

/* Reads the members of the object whose start was the last token; null counts as absent. */
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

static bool complain(draft *d, complaint *about, mkt_json_token token, const char *member,
                     const char *problem) {
  if (about->problem == NULL) *about = (complaint){d->where, member, problem, d->json->start};
  return mkt_json_skip(d->json, token);
}

/* An object among the members that are read. */
typedef struct object_member {
  const char *name;
  const char *inside; /* where its own members are, for complaints */
  member_reader *read_member;
} object_member;

static bool read_object(draft *d, complaint *about, mkt_json_token token,
                        const object_member *object) {
  if (token != MKT_JSON_OBJECT) return complain(d, about, token, object->name, "is not an object");
  const char *outside = d->where;
  d->where = object->inside;
  bool read = read_members(d, object->read_member);
  d->where = outside;
  return read;
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
  if (token != MKT_JSON_STRING) return "is not a string";
  if (text.n > MKT_MAX_ID_BYTES) return "is longer than 255 bytes";
  if (has_control_character(text)) return "has a control character";
  return NULL;
}

/* Identifiers are opaque, but they become keys of databases and words of log lines. An empty one
 * names nothing and counts as absent. */
static bool read_id(draft *d, complaint *about, mkt_json_token token, const char *member,
                    mkt_json_text *id) {
  const char *problem = identifier_problem(token, d->json->text);
  if (problem != NULL) return complain(d, about, token, member, problem);
  if (d->json->text.n > 0) *id = d->json->text;
  return true;
}

static bool read_timestamp(draft *d, mkt_json_token token, const char *member, mkt_json_text *out) {
  if (token != MKT_JSON_STRING) return complain(d, &d->content, token, member, "is not a string");
  *out = d->json->text;
  return true;
}

static bool read_available(draft *d, mkt_json_token token) {
  if (token != MKT_JSON_TRUE && token != MKT_JSON_FALSE) {
    return complain(d, &d->content, token, "available", "is neither true nor false");
  }
  d->available = token == MKT_JSON_TRUE ? AVAILABLE_TRUE : AVAILABLE_FALSE;
  return true;
}

static mkt_json_value since(const draft *d, size_t start) {
  return (mkt_json_value){d->json->p + start, d->json->position - start};
}

static bool read_ids(draft *d, const char *member) {
  mkt_json_token token;
  while ((token = mkt_json_next(d->json)) != MKT_JSON_ARRAY_END) {
    mkt_json_text id = {NULL, 0, false};
    if (token == MKT_JSON_FAULT || !read_id(d, &d->content, token, member, &id)) return false;
    if (id.p == NULL) (void)complain(d, &d->content, MKT_JSON_NULL, member, "is empty");
  }
  return true;
}

static bool read_id_list(draft *d, mkt_json_token token, const char *member, mkt_json_value *list) {
  if (token != MKT_JSON_ARRAY) return complain(d, &d->content, token, member, "is not a list");
  size_t start = d->json->start;
  const char *outside = d->where;
  d->where = "an element of data.attributes.";
  bool read = read_ids(d, member);
  d->where = outside;
  *list = since(d, start);
  return read;
}

/* The member of this name, read as an identifier. */
#define ID_MEMBER(text, about, literal, id)                                                        \
  if (IS(text, literal)) return read_id(d, about, token, literal, id)

static bool read_attribute(draft *d, mkt_json_text name, mkt_json_token token) {
  mkt_notification *out = d->out;
  ID_MEMBER(name, &d->content, "appId", &out->app_id);
  ID_MEMBER(name, &d->content, "marketplaceAppId", &out->marketplace_app_id);
  ID_MEMBER(name, &d->content, "alternativeDistributionPackageId", &out->package_id);
  ID_MEMBER(name, &d->content, "alternativeDistributionPackageVersionId", &out->package_version_id);
  if (IS(name, "alternativeDistributionPackageIds")) {
    return read_id_list(d, token, "alternativeDistributionPackageIds", &out->package_ids);
  }
  if (IS(name, "territories")) return read_id_list(d, token, "territories", &out->territories);
  if (IS(name, "available")) return read_available(d, token);
  if (IS(name, "eventTimestamp")) {
    return read_timestamp(d, token, "eventTimestamp", &d->event_timestamp);
  }
  if (IS(name, "timestamp")) return read_timestamp(d, token, "timestamp", &d->attribute_timestamp);
  return mkt_json_skip(d->json, token);
}

static bool read_resource_member(draft *d, resource *to, mkt_json_text name, mkt_json_token token) {
  ID_MEMBER(name, &d->content, "type", &to->type);
  ID_MEMBER(name, &d->content, "id", &to->id);
  return mkt_json_skip(d->json, token);
}

static bool read_instance_data(draft *d, mkt_json_text name, mkt_json_token token) {
  return read_resource_member(d, &d->instance, name, token);
}

static bool read_marketplace_app_data(draft *d, mkt_json_text name, mkt_json_token token) {
  return read_resource_member(d, &d->marketplace_app, name, token);
}

static const object_member instance_data = {"data", "data.relationships.instance.data.",
                                            read_instance_data};
static const object_member marketplace_app_data = {
    "data", "data.relationships.marketplaceApp.data.", read_marketplace_app_data};

/* Apple sends {"data":{"type","id"}}, with or without "links", and for some types the flat
 * {"type","id"}. */
static bool read_instance(draft *d, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "data")) return read_object(d, &d->content, token, &instance_data);
  return read_instance_data(d, name, token);
}

static bool read_marketplace_app(draft *d, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "data")) return read_object(d, &d->content, token, &marketplace_app_data);
  return read_marketplace_app_data(d, name, token);
}

static const object_member instance = {"instance", "data.relationships.instance.", read_instance};
static const object_member marketplace_app = {
    "marketplaceApp", "data.relationships.marketplaceApp.", read_marketplace_app};

static bool read_relationship(draft *d, mkt_json_text name, mkt_json_token token) {
  if (IS(name, "instance")) return read_object(d, &d->content, token, &instance);
  if (IS(name, "marketplaceApp")) return read_object(d, &d->content, token, &marketplace_app);
  return mkt_json_skip(d->json, token);
}

static const object_member attributes = {"attributes", "data.attributes.", read_attribute};
static const object_member relationships = {"relationships", "data.relationships.",
                                            read_relationship};

static bool read_part(draft *d, mkt_json_token token, const object_member *object,
                      mkt_json_value *whole) {
  size_t start = d->json->start;
  bool read = read_object(d, &d->content, token, object);
  if (token == MKT_JSON_OBJECT) *whole = since(d, start);
  return read;
}

static bool read_version(draft *d, mkt_json_token token) {
  if (token != MKT_JSON_NUMBER && token != MKT_JSON_STRING) return mkt_json_skip(d->json, token);
  d->out->version = since(d, d->json->start);
  return true;
}

static bool read_data_member(draft *d, mkt_json_text name, mkt_json_token token) {
  ID_MEMBER(name, &d->envelope, "type", &d->out->type);
  ID_MEMBER(name, &d->envelope, "id", &d->out->id);
  if (IS(name, "version")) return read_version(d, token);
  if (IS(name, "timestamp")) return read_timestamp(d, token, "timestamp", &d->sent_timestamp);
  if (IS(name, "attributes")) return read_part(d, token, &attributes, &d->out->attributes);
  if (IS(name, "relationships")) return read_part(d, token, &relationships, &d->out->relationships);
  return mkt_json_skip(d->json, token);
}

static const object_member data = {"data", "data.", read_data_member};

static bool read_document_member(draft *d, mkt_json_text name, mkt_json_token token) {
  if (!IS(name, "data")) return mkt_json_skip(d->json, token);
  d->has_data = token == MKT_JSON_OBJECT;
  d->data_start = d->json->start;
  return read_object(d, &d->envelope, token, &data);
}

static const object_member document = {"the document", "", read_document_member};

static bool read_document(draft *d) {
  mkt_json_token token = mkt_json_next(d->json);
  return token != MKT_JSON_FAULT && read_object(d, &d->envelope, token, &document) &&
         mkt_json_next(d->json) == MKT_JSON_END;
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
  char name[MKT_MAX_ID_BYTES];
  (void)mkt_json_decode(notification->type, name); /* find_complaint has seen that there is one */
  return name[0] >= 'A' && name[0] <= 'Z' ? 1 : 2;
}

static complaint find_complaint(const draft *d) {
  if (d->envelope.problem != NULL) return d->envelope;
  if (!d->has_data) return (complaint){"", "the document", "has no data", 0};
  if (d->out->type.p == NULL) return (complaint){"", "data", "has no type", d->data_start};
  mkt_event event = event_of(d);
  if (event == MKT_EVENT_OTHER || event == MKT_EVENT_PING) return (complaint){0};
  if (d->content.problem != NULL) return d->content;
  if (needs_available(d->out->known_type) && d->available == AVAILABLE_ABSENT) {
    return (complaint){"data.attributes.", "available", "is missing", d->data_start};
  }
  return (complaint){0};
}

/* Of an event that nothing depends on, lists that are not what they should be are as good as
 * absent. */
static void drop_lists(mkt_notification *out) {
  out->territories = (mkt_json_value){0};
  out->package_ids = (mkt_json_value){0};
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

/* An escape for each character of the longest timestamp. */
enum { MOST_ESCAPED_TIMESTAMP = 6 * 35 };

static bool read_time(mkt_json_text text, mkt_timestamp *time) {
  if (!text.escaped) return mkt_timestamp_parse(text.p, text.n, time);
  char decoded[MOST_ESCAPED_TIMESTAMP];
  if (text.n > sizeof decoded) return false;
  return mkt_timestamp_parse(decoded, mkt_json_decode(text, decoded), time);
}

static void adopt_time(draft *d) {
  mkt_notification *out = d->out;
  out->timestamp =
      first_present(first_present(d->event_timestamp, d->attribute_timestamp), d->sent_timestamp);
  out->has_time = out->timestamp.p != NULL && read_time(out->timestamp, &out->time);
}

static mkt_code fail_with(const complaint *found, mkt_error *error) {
  char text[128];
  (void)snprintf(text, sizeof text, "%s%s %s", found->where, found->member, found->problem);
  return mkt_fail_at(error, MKT_ERR_NOTIFICATION_INVALID, found->offset, text);
}

mkt_code mkt_notification_parse(const char *body, size_t n, mkt_notification *out,
                                mkt_error *error) {
  mkt_json json;
  draft d = {.json = &json, .out = out, .where = ""};
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
    return fail_with(&found, error);
  }
  out->event = event_of(&d);
  if (d.content.problem != NULL) drop_lists(out);
  out->generation = generation_of(out);
  adopt_relationships(&d);
  adopt_time(&d);
  return MKT_OK;
}
