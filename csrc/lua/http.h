/* http.h: marketplace.core.http, one blocking HTTP exchange for scripts and the command. */
#ifndef MKT_LUA_HTTP_H
#define MKT_LUA_HTTP_H

#include "lua/compat.h"

/* http(method, url, header_lines, body, timeout_seconds, ca_file) -> status, body | nil, message,
 * code. header_lines is a list of at most 32 "Name: value" strings; body and ca_file may be nil. */
int mkt_lua_http(lua_State *L);

#endif
