/* http.h: marketplace.core's HTTP, for lua/marketplace/http.lua, which documents it. */
#ifndef MKT_LUA_HTTP_H
#define MKT_LUA_HTTP_H

#include "lua/compat.h"

/* Adds http_start, http_poll, http_date and retry_after to the table on top of the stack. */
void mkt_lua_add_http(lua_State *L);

#endif
