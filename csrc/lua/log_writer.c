#include "lua/log_writer.h"

#include "core/log_writer.h"
#include "lua/class.h"
#include "lua/push.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#define TYPE "marketplace.log_writer"

enum { CLOSE_MILLISECONDS = 1000 };

typedef struct writer_box {
  mkt_log_writer *writer; /* NULL before it is open and after it is closed */
} writer_box;

static mkt_log_writer *check_writer(lua_State *L) {
  writer_box *box = luaL_checkudata(L, 1, TYPE);
  if (box->writer == NULL) luaL_error(L, "the log is closed");
  return box->writer;
}

static int writer_write(lua_State *L) {
  size_t n;
  const char *lines = luaL_checklstring(L, 2, &n);
  luaL_argcheck(L, n > 0 && lines[n - 1] == '\n', 2, "must end with a line feed");
  lua_pushboolean(L, mkt_log_writer_add(check_writer(L), lines, n));
  return 1;
}

/* count, message of the last failure or nil, whether nothing could be written since */
static int writer_failures(lua_State *L) {
  const mkt_log_failures failures = mkt_log_writer_failures(check_writer(L));
  mkt_lua_push_integer(L, failures.lines);
  if (failures.number != 0) {
    lua_pushstring(L, strerror(failures.number));
  } else {
    lua_pushnil(L);
  }
  lua_pushboolean(L, failures.lasts);
  return 3;
}

static int writer_flush(lua_State *L) {
  mkt_log_writer *writer = check_writer(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, seconds >= 0 && seconds < INT_MAX / 1000, 2, "must be seconds");
  lua_pushboolean(L, mkt_log_writer_flush(writer, (int)(seconds * 1000)));
  return 1;
}

static int writer_close(lua_State *L) {
  writer_box *box = luaL_checkudata(L, 1, TYPE);
  mkt_log_writer *writer = box->writer;
  box->writer = NULL;
  mkt_log_writer_close(writer, CLOSE_MILLISECONDS);
  return 0;
}

static int open_writer(lua_State *L) {
  static const char *const names[] = {"stdout", "stderr", NULL};
  static const int descriptors[] = {STDOUT_FILENO, STDERR_FILENO};
  int fd = descriptors[luaL_checkoption(L, 1, NULL, names)];
  lua_Integer bytes = luaL_checkinteger(L, 2);
  mkt_error error;
  luaL_argcheck(L, bytes >= 1 && bytes <= INT_MAX, 2, "must be a number of bytes");
  writer_box *box = mkt_lua_new(L, TYPE, sizeof *box);
  if (mkt_log_writer_open(&box->writer, fd, (size_t)bytes, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  return 1;
}

void mkt_lua_add_log_writer(lua_State *L) {
  static const luaL_Reg methods[] = {{"write", writer_write},
                                     {"failures", writer_failures},
                                     {"flush", writer_flush},
                                     {"close", writer_close},
                                     {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", writer_close}, {"__close", writer_close}, {NULL, NULL}};
  mkt_lua_class(L, TYPE, methods, metamethods);
  lua_pushcfunction(L, open_writer);
  lua_setfield(L, -2, "log_writer");
}
