/* http_server_options.h: the options of marketplace.http_server.open. */
#ifndef MKT_LUA_HTTP_SERVER_OPTIONS_H
#define MKT_LUA_HTTP_SERVER_OPTIONS_H

#include "lua/compat.h"
#include "server/server.h"

/* Reads the table at a positive index, without its metamethods. Raises, naming the option, if one
 * is unknown or cannot be used. The strings are pushed onto the stack and stay there: they are
 * borrowed as long as they do. */
void mkt_lua_read_server_options(lua_State *L, int index, mkt_server_options *options);

#endif
