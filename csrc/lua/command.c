#include "lua/command.h"

#include "core/command.h"
#include "lua/class.h"
#include "lua/fields.h"
#include "lua/push.h"

#include <string.h>

#define TYPE "marketplace.command"

enum { MOST_WORDS = 64, MOST_SECONDS = 86400 };

typedef struct command_box {
  mkt_command *command; /* NULL before it is started and after it is closed */
} command_box;

static mkt_command *check_command(lua_State *L) {
  command_box *box = luaL_checkudata(L, 1, TYPE);
  if (box->command == NULL) luaL_error(L, "the command is closed");
  return box->command;
}

/* nil while it runs; how it ended, a number or nil, the last that it wrote */
static int command_result(lua_State *L) {
  static const char *const ends[] = {NULL,        "exited",      "killed",
                                     "timed_out", "not_started", "unknown"};
  const mkt_command_result result = mkt_command_look(check_command(L));
  if (result.end == MKT_COMMAND_RUNS) return 0;
  lua_pushstring(L, ends[result.end]);
  if (result.end == MKT_COMMAND_NOT_STARTED) {
    lua_pushstring(L, strerror(result.number));
  } else {
    lua_pushinteger(L, result.number);
  }
  lua_pushlstring(L, result.output, result.output_bytes);
  return 3;
}

static int command_close(lua_State *L) {
  command_box *box = luaL_checkudata(L, 1, TYPE);
  mkt_command *command = box->command;
  box->command = NULL;
  mkt_command_close(command);
  return 0;
}

/* A list of words, which stay on the stack. */
static void list_field(lua_State *L, const char *name, const char **words) {
  mkt_lua_get_field(L, 1, name);
  int list = lua_gettop(L);
  luaL_argcheck(L, lua_istable(L, list), 1, name);
  size_t n = lua_rawlen(L, list);
  luaL_argcheck(L, n <= MOST_WORDS, 1, name);
  mkt_lua_need_stack(L, (int)n);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 1, name);
    words[i] = lua_tostring(L, -1);
    luaL_argcheck(L, strlen(words[i]) == lua_rawlen(L, -1), 1, name);
  }
  words[n] = NULL;
}

/* start_command{arguments=, hidden=, added=, input=, seconds=}: as mkt_command_options */
static int start_command(lua_State *L) {
  const char *arguments[MOST_WORDS + 1], *hidden[MOST_WORDS + 1], *added[MOST_WORDS + 1];
  mkt_command_options options = {.arguments = arguments, .hidden = hidden, .added = added};
  mkt_error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  command_box *box = mkt_lua_new(L, TYPE, sizeof *box);
  list_field(L, "arguments", arguments);
  luaL_argcheck(L, arguments[0] != NULL, 1, "arguments");
  list_field(L, "hidden", hidden);
  list_field(L, "added", added);
  options.input = mkt_lua_text_field(L, 1, "input", &options.input_bytes);
  luaL_argcheck(L, options.input != NULL, 1, "input");
  options.seconds = mkt_lua_number_field(L, 1, "seconds", MOST_SECONDS, MOST_SECONDS);
  if (mkt_command_start(&box->command, &options, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_settop(L, 2);
  return 1;
}

void mkt_lua_add_command(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"result", command_result}, {"close", command_close}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", command_close}, {"__close", command_close}, {NULL, NULL}};
  mkt_lua_class(L, TYPE, methods, metamethods);
  lua_pushcfunction(L, start_command);
  lua_setfield(L, -2, "start_command");
}
