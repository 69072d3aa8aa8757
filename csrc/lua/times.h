/* times.h: clocks and times, in Lua. Times are seconds since the epoch, with their fraction.
 *
 *   core.now()               -> the time
 *   core.monotonic()         -> seconds since some point in the past, by a clock that never steps
 *   core.sleep(seconds)      ends early if a signal comes
 *   core.parse_time(text)    -> the time that an ISO 8601 text names (core/timestamp.h), or nil
 *   core.format_time(time)   -> "2026-01-31T12:00:00.250Z", cut to milliseconds
 */
#ifndef MKT_LUA_TIMES_H
#define MKT_LUA_TIMES_H

#include "core/timestamp.h"
#include "lua/compat.h"

/* Adds these functions to the table at the top of the stack. */
void mkt_lua_add_times(lua_State *L);

void mkt_lua_push_timestamp(lua_State *L, const mkt_timestamp *time);

#endif
