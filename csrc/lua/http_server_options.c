#include "lua/http_server_options.h"

#include "lua/push.h"

#include <stdio.h>
#include <string.h>

static const lua_Number MOST_BYTES = 1099511627776.0; /* 2^40 */

enum { MOST_ROUTES = 1000 };

typedef struct option {
  const char *name;
  int type; /* as lua_type says */
} option;

static const option known_options[] = {
    {"host", LUA_TSTRING},           {"port", LUA_TNUMBER},
    {"tls_cert", LUA_TSTRING},       {"tls_key", LUA_TSTRING},
    {"max_body", LUA_TNUMBER},       {"max_connections", LUA_TNUMBER},
    {"max_buffered", LUA_TNUMBER},   {"max_header_bytes", LUA_TNUMBER},
    {"header_timeout", LUA_TNUMBER}, {"body_timeout", LUA_TNUMBER},
    {"idle_timeout", LUA_TNUMBER},   {"live_path", LUA_TSTRING},
    {"ready_path", LUA_TSTRING},     {"path", LUA_TSTRING},
    {"routes", LUA_TTABLE},
};

static const option *find_option(const char *name) {
  for (size_t i = 0; i < sizeof known_options / sizeof known_options[0]; i++) {
    if (strcmp(known_options[i].name, name) == 0) return &known_options[i];
  }
  return NULL;
}

/* Of the option whose name and value are on top of the stack. */
static void check_option(lua_State *L) {
  if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "option names must be strings");
  const char *name = lua_tostring(L, -2);
  const option *known = find_option(name);
  if (known == NULL) {
    luaL_error(L, "unknown option '%s'", name);
    return;
  }
  if (lua_type(L, -1) != known->type) {
    luaL_error(L, "option '%s' must be a %s, not a %s", name, lua_typename(L, known->type),
               luaL_typename(L, -1));
  }
}

static void get_option(lua_State *L, int index, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, index);
}

static void check_options(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1))
    check_option(L);
}

static lua_Number number_option(lua_State *L, int index, const char *name, lua_Number normal,
                                lua_Number least, lua_Number most) {
  get_option(L, index, name);
  lua_Number value = lua_isnil(L, -1) ? normal : lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (!(value >= least && value <= most)) {
    char range[64]; /* lua_pushfstring writes 65535 in a way of its own in each Lua */
    (void)snprintf(range, sizeof range, "%.15g and %.15g", least, most);
    luaL_error(L, "option '%s' must be between %s", name, range);
  }
  return value;
}

static size_t size_option(lua_State *L, int index, const char *name, lua_Number normal,
                          lua_Number least, lua_Number most) {
  lua_Number value = number_option(L, index, name, normal, least, most);
  size_t size = (size_t)value;
  if ((lua_Number)size != value) luaL_error(L, "option '%s' must be a whole number", name);
  return size;
}

static uint64_t time_option(lua_State *L, int index, const char *name, lua_Number normal) {
  return (uint64_t)(number_option(L, index, name, normal, 0.001, 86400) * 1000);
}

/* The string stays on the stack, which keeps it alive whatever a finalizer does to the table. */
static const char *text_option(lua_State *L, int index, const char *name, const char *normal) {
  get_option(L, index, name);
  size_t length = 0;
  const char *text = lua_isnil(L, -1) ? normal : lua_tolstring(L, -1, &length);
  if (text != normal && strlen(text) != length) luaL_error(L, "option '%s' has a NUL byte", name);
  return text;
}

/* Route number i of the list on top of the stack; its path is left below the list. */
static mkt_route read_route(lua_State *L, int i) {
  lua_rawgeti(L, -1, i);
  if (!lua_istable(L, -1)) luaL_error(L, "option 'routes' must be a list of tables");
  const int index = lua_gettop(L);
  const size_t max_body = size_option(L, index, "max_body", 0, 1, MOST_BYTES);
  const char *path = text_option(L, index, "path", NULL);
  if (path == NULL) luaL_error(L, "option 'routes' must have a path in each");
  lua_remove(L, index);
  lua_insert(L, -2);
  return (mkt_route){path, max_body};
}

/* They are a userdata on the stack, as their paths are. */
static void read_routes(lua_State *L, int index, mkt_server_options *options) {
  get_option(L, index, "routes");
  if (lua_isnil(L, -1)) return;
  const size_t count = lua_rawlen(L, -1);
  if (count > MOST_ROUTES) luaL_error(L, "option 'routes' must have at most %d", MOST_ROUTES);
  mkt_lua_need_stack(L, (int)count + 8);
  mkt_route *routes = lua_newuserdata(L, (count + 1) * sizeof *routes);
  lua_insert(L, -2);
  for (size_t i = 0; i < count; i++)
    routes[i] = read_route(L, (int)i + 1);
  options->routes = routes;
  options->route_count = count;
}

void mkt_lua_read_server_options(lua_State *L, int index, mkt_server_options *options) {
  check_options(L, index);
  *options = (mkt_server_options){
      .host = text_option(L, index, "host", "127.0.0.1"),
      .port = (uint16_t)size_option(L, index, "port", 0, 0, UINT16_MAX),
      .tls_cert = text_option(L, index, "tls_cert", NULL),
      .tls_key = text_option(L, index, "tls_key", NULL),
      .path = text_option(L, index, "path", NULL),
      .max_body = size_option(L, index, "max_body", 1 << 20, 0, MOST_BYTES),
      .max_buffered = size_option(L, index, "max_buffered", 64 << 20, 1, MOST_BYTES),
      .max_connections = size_option(L, index, "max_connections", 512, 1, 1000000),
      .max_header_bytes = size_option(L, index, "max_header_bytes", 16384, MKT_HEADER_BYTES_LEAST,
                                      MKT_HEADER_BYTES_MOST),
      .header_timeout = time_option(L, index, "header_timeout", 10),
      .body_timeout = time_option(L, index, "body_timeout", 30),
      .idle_timeout = time_option(L, index, "idle_timeout", 75),
      .live_path = text_option(L, index, "live_path", NULL),
      .ready_path = text_option(L, index, "ready_path", NULL),
  };
  read_routes(L, index, options);
  if ((options->tls_cert == NULL) != (options->tls_key == NULL)) {
    luaL_error(L, "options 'tls_cert' and 'tls_key' go together");
  }
}
