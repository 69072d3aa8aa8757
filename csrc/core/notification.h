/* notification.h: one notification of App Store Connect, of either generation, read and normalised.
 *
 * Generation 1 is sent to the account's endpoint set by `marketplaceWebhooks`, generation 2 to an
 * app's endpoint set by `webhooks` (Apple: "Marketplace webhooks" and "Webhook notifications", App
 * Store Connect API). Members may come in any order, unknown ones are passed over, null counts as
 * absent. If a member that decides something has the wrong type, the notification is invalid:
 * better a dead letter that somebody sees than a callback that acts on a guess.
 */
#ifndef MKT_NOTIFICATION_H
#define MKT_NOTIFICATION_H

#include "error.h"
#include "json.h"
#include "timestamp.h"

#include <stdbool.h>
#include <stddef.h>

/* Longest identifier, in bytes as it stands in the body. */
enum { MKT_MAX_ID_BYTES = 255 };

/* X(name, word) */
#define MKT_EVENTS(X)                                                                              \
  X(VERSION_AVAILABLE, "version_available")                                                        \
  X(VERSIONS_UNAVAILABLE, "versions_unavailable")                                                  \
  X(APP_UNAVAILABLE, "app_unavailable")                                                            \
  X(VERSIONS_RESTORED, "versions_restored")                                                        \
  X(APP_RESTORED, "app_restored")                                                                  \
  X(PING, "ping")                                                                                  \
  X(OTHER, "other")

typedef enum mkt_event {
#define MKT_EVENT_ENUM(name, word) MKT_EVENT_##name,
  MKT_EVENTS(MKT_EVENT_ENUM)
#undef MKT_EVENT_ENUM
      MKT_EVENT_COUNT
} mkt_event;

/* Static storage. */
const char *mkt_event_word(mkt_event event);

/* Apple's types that have a meaning here: X(name, event, event if attributes.available is true).
 * If the two events differ, the notification must say whether it is available. One of Apple's
 * tables writes AppVersionUnavailable, its text AppVersionsUnavailable. */
#define MKT_TYPES(X)                                                                               \
  X("AlternativeDistributionPackageVersionAvailable", VERSION_AVAILABLE, VERSION_AVAILABLE)        \
  X("AppVersionsUnavailable", VERSIONS_UNAVAILABLE, VERSIONS_UNAVAILABLE)                          \
  X("AppVersionUnavailable", VERSIONS_UNAVAILABLE, VERSIONS_UNAVAILABLE)                           \
  X("AppUnavailable", APP_UNAVAILABLE, APP_UNAVAILABLE)                                            \
  X("alternativeDistributionPackageVersionCreated", VERSION_AVAILABLE, VERSION_AVAILABLE)          \
  X("alternativeDistributionPackageAvailableUpdated", VERSIONS_UNAVAILABLE, VERSIONS_RESTORED)     \
  X("alternativeDistributionTerritoryAvailabilityUpdated", APP_UNAVAILABLE, APP_RESTORED)          \
  X("webhookPingCreated", PING, PING)

#define MKT_TYPE_ONE(name, event, event_when_available) +1
enum { MKT_TYPE_UNKNOWN = -1, MKT_TYPE_COUNT = 0 MKT_TYPES(MKT_TYPE_ONE) };
#undef MKT_TYPE_ONE

/* The name of a known type, from 0 to MKT_TYPE_COUNT - 1. Static storage. */
const char *mkt_type_name(int known_type);

/* All slices and texts are borrowed from the body. An absent text has p == NULL. */
typedef struct mkt_notification {
  mkt_event event;
  int generation; /* 1 or 2 */
  int known_type; /* index of the type's name, or MKT_TYPE_UNKNOWN */
  mkt_json_text type;
  mkt_json_text id; /* absent if the body has none or an empty one */
  mkt_json_text app_id;
  mkt_json_text marketplace_app_id;
  mkt_json_text package_id;
  mkt_json_text package_version_id;
  mkt_json_text timestamp; /* of the event; the envelope's if it has none */
  bool has_time;           /* timestamp is present and ISO 8601 */
  mkt_timestamp time;
  /* Checked: lists of strings, an object, a number or string. Absent: p == NULL. */
  mkt_json_value package_ids;
  mkt_json_value territories;
  mkt_json_value attributes;
  mkt_json_value relationships;
  mkt_json_value version;
} mkt_notification;

/* Reads body[0..n-1] into *out, which the caller owns and which needs no clearing; it is valid as
 * long as the body is. MKT_ERR_TOO_LARGE past MKT_JSON_MAX_BYTES; MKT_ERR_JSON_INVALID or
 * MKT_ERR_NOTIFICATION_INVALID with the byte at fault, and then *out holds nothing of use.
 * Allocates nothing. */
mkt_code mkt_notification_parse(const char *body, size_t n, mkt_notification *out,
                                mkt_error *error);

#endif
