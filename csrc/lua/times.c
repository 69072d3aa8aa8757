#include "lua/times.h"

#include "core/clock.h"

#include <time.h>

static int now(lua_State *L) {
  lua_pushnumber(L, mkt_clock_wall());
  return 1;
}

static int monotonic(lua_State *L) {
  lua_pushnumber(L, mkt_clock_monotonic());
  return 1;
}

static int sleep_for(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0 && seconds <= 86400, 1, "0 to 86400 seconds");
  struct timespec pause = {.tv_sec = (time_t)seconds};
  pause.tv_nsec = (long)((seconds - (double)pause.tv_sec) * 1e9);
  (void)nanosleep(&pause, NULL);
  return 0;
}

void mkt_lua_push_timestamp(lua_State *L, const mkt_timestamp *time) {
  lua_pushnumber(L, (lua_Number)time->seconds + (lua_Number)time->nanoseconds / 1e9);
}

static int parse_time(lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  mkt_timestamp time;
  if (!mkt_timestamp_parse(text, n, &time)) return 0;
  mkt_lua_push_timestamp(L, &time);
  return 1;
}

static int64_t whole_milliseconds(double seconds) {
  const double most = 1e15; /* beyond the last year that is written, and within 64 bits */
  /* a microsecond more, as the number nearest to a time may be a little less than it */
  double exact = seconds * 1000 + 0.001;
  if (exact > most) return (int64_t)most;
  if (exact < -most) return -(int64_t)most;
  int64_t whole = (int64_t)exact;
  return (double)whole > exact ? whole - 1 : whole;
}

static int format_time(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds == seconds, 1, "a time is expected, not NaN");
  char text[MKT_TIMESTAMP_BYTES];
  mkt_timestamp_format(whole_milliseconds(seconds), text);
  lua_pushlstring(L, text, sizeof text - 1);
  return 1;
}

void mkt_lua_add_times(lua_State *L) {
  static const luaL_Reg functions[] = {{"now", now},
                                       {"monotonic", monotonic},
                                       {"sleep", sleep_for},
                                       {"parse_time", parse_time},
                                       {"format_time", format_time},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
