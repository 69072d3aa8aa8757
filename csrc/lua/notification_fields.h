/* notification_fields.h: what a notification says, as members of the Lua table on top of the stack.
 *
 * What the notification does not have is left out. The members' names, known types' names and the
 * events are taken from a table of Lua strings that the calling function has as its first upvalue:
 * otherwise Lua would look for each of them among all its strings, for each notification.
 */
#ifndef MKT_LUA_NOTIFICATION_FIELDS_H
#define MKT_LUA_NOTIFICATION_FIELDS_H

#include "core/notification.h"
#include "lua/compat.h"

/* The members of a notification's table and of its record: X(field, name) */
#define MKT_LUA_FIELDS(X)                                                                          \
  X(ID, "id")                                                                                      \
  X(TYPE, "type")                                                                                  \
  X(VERSION, "version")                                                                            \
  X(GENERATION, "generation")                                                                      \
  X(EVENT, "event")                                                                                \
  X(TIMESTAMP, "timestamp")                                                                        \
  X(TIME, "time")                                                                                  \
  X(APP_ID, "app_id")                                                                              \
  X(MARKETPLACE_APP_ID, "marketplace_app_id")                                                      \
  X(PACKAGE_ID, "package_id")                                                                      \
  X(PACKAGE_VERSION_ID, "package_version_id")                                                      \
  X(PACKAGE_IDS, "package_ids")                                                                    \
  X(TERRITORIES, "territories")                                                                    \
  X(BODY, "body")                                                                                  \
  X(KEY, "key")                                                                                    \
  X(DIGEST, "digest")

typedef enum mkt_lua_field {
#define MKT_LUA_FIELD_ENUM(field, name) MKT_LUA_##field,
  MKT_LUA_FIELDS(MKT_LUA_FIELD_ENUM)
#undef MKT_LUA_FIELD_ENUM
      MKT_LUA_FIELD_COUNT
} mkt_lua_field;

/* Pushes the table that is to be the first upvalue. */
void mkt_lua_push_names(lua_State *L);

/* Pushes the member's name. Its value is to be pushed next, and both are for lua_rawset. */
void mkt_lua_push_field(lua_State *L, mkt_lua_field field);

void mkt_lua_set_type(lua_State *L, const mkt_notification *notification);
void mkt_lua_set_event(lua_State *L, const mkt_notification *notification);
/* Seconds since the epoch. */
void mkt_lua_set_time(lua_State *L, const mkt_notification *notification);
void mkt_lua_set_text(lua_State *L, mkt_lua_field field, mkt_json_text text);
/* To the value at an absolute index. */
void mkt_lua_set_value(lua_State *L, mkt_lua_field field, int index);

#endif
