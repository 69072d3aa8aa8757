/* http_server_request.h: a request as Lua has it. */
#ifndef MKT_LUA_HTTP_SERVER_REQUEST_H
#define MKT_LUA_HTTP_SERVER_REQUEST_H

#include "lua/compat.h"
#include "server/server.h"

/* Pushes a table: handle, method, path, query, headers (names in lower case, a repeated header as a
 * list), body, remote, and perhaps fault and answered. */
void mkt_lua_push_request(lua_State *L, const mkt_request *request);

#endif
