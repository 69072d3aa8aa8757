#include "lua/file.h"

#include "core/file.h"
#include "core/file_read.h"
#include "core/json.h"
#include "lua/class.h"
#include "lua/path.h"
#include "lua/push.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char metatable_name[] = "marketplace.lock";
static const char bytes_metatable_name[] = "marketplace.bytes";

static int bytes_free(lua_State *L) {
  mkt_buffer_clear(luaL_checkudata(L, 1, bytes_metatable_name));
  return 0;
}

/* Owns a file's bytes while they are made into a Lua string, which may raise. */
static mkt_buffer *push_bytes(lua_State *L, size_t most) {
  mkt_buffer *bytes = mkt_lua_new(L, bytes_metatable_name, sizeof *bytes);
  mkt_buffer_init(bytes, most);
  return bytes;
}

static int read_file(lua_State *L) {
  const char *path = mkt_lua_check_path(L, 1);
  lua_Number most = luaL_optnumber(L, 2, MKT_JSON_MAX_BYTES);
  luaL_argcheck(L, most >= 0 && most <= MKT_JSON_MAX_BYTES, 2, "0 to 16 MiB");
  mkt_buffer *bytes = push_bytes(L, (size_t)most);
  mkt_error error;
  if (mkt_file_read(path, bytes, &error) != MKT_OK) return mkt_lua_push_error(L, &error);
  lua_pushlstring(L, bytes->n > 0 ? bytes->p : "", bytes->n);
  mkt_buffer_clear(bytes);
  return 1;
}

static int replace_file(lua_State *L) {
  static const char *const ways[] = {"replace", "new", NULL};
  size_t n;
  const char *path = mkt_lua_check_path(L, 1);
  const char *bytes = luaL_checklstring(L, 2, &n);
  mkt_file_how how = luaL_checkoption(L, 3, "replace", ways) == 0 ? MKT_FILE_REPLACE : MKT_FILE_NEW;
  mkt_error error;
  return mkt_lua_push_outcome(L, mkt_file_replace(path, bytes, n, how, &error), &error);
}

static int put_in_place(lua_State *L) {
  const char *from = mkt_lua_check_path(L, 1);
  const char *to = mkt_lua_check_path(L, 2);
  const char *keep = lua_isnoneornil(L, 3) ? NULL : mkt_lua_check_path(L, 3);
  mkt_error error;
  return mkt_lua_push_outcome(L, mkt_file_put_in_place(from, to, keep, &error), &error);
}

static int remove_leftovers(lua_State *L) {
  mkt_error error;
  return mkt_lua_push_outcome(L, mkt_file_remove_leftovers(mkt_lua_check_path(L, 1), &error),
                              &error);
}

static int lock_close(lua_State *L) {
  mkt_file_unlock(luaL_checkudata(L, 1, metatable_name));
  return 0;
}

static mkt_file_lock *push_lock(lua_State *L) {
  return mkt_lua_new(L, metatable_name, sizeof(mkt_file_lock));
}

static int replace_locked(lua_State *L) {
  size_t n;
  const char *path = mkt_lua_check_path(L, 1);
  const char *bytes = luaL_checklstring(L, 2, &n);
  mkt_file_lock *lock = push_lock(L);
  mkt_error error;
  bool done = mkt_file_replace_locked(lock, path, bytes, n, &error) == MKT_OK;
  return done ? 1 : mkt_lua_push_error(L, &error);
}

static int is_locked(lua_State *L) {
  mkt_error error;
  bool locked = false;
  if (mkt_file_is_locked(mkt_lua_check_path(L, 1), &locked, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  lua_pushboolean(L, locked);
  return 1;
}

static int real_path(lua_State *L) {
  char resolved[PATH_MAX];
  if (realpath(mkt_lua_check_path(L, 1), resolved) == NULL) return 0;
  lua_pushstring(L, resolved);
  return 1;
}

static int lock_file(lua_State *L) {
  const char *path = mkt_lua_check_path(L, 1);
  mkt_file_lock *lock = push_lock(L);
  mkt_error error;
  return mkt_file_lock_take(lock, path, &error) == MKT_OK ? 1 : mkt_lua_push_error(L, &error);
}

static void push_id(lua_State *L, const struct stat *file) {
  lua_pushlstring(L, (const char *)&file->st_dev, sizeof file->st_dev);
  lua_pushlstring(L, (const char *)&file->st_ino, sizeof file->st_ino);
  lua_concat(L, 2);
}

static int file_id(lua_State *L) {
  struct stat file;
  if (stat(mkt_lua_check_path(L, 1), &file) != 0) return 0;
  push_id(L, &file);
  return 1;
}

static void set_integer(lua_State *L, const char *field, long long value) {
  mkt_lua_push_integer(L, value);
  lua_setfield(L, -2, field);
}

static int file_stat(lua_State *L) {
  enum { block_size = 512 }; /* whatever st_blksize is */
  struct stat file;
  const char *path = mkt_lua_check_path(L, 1);
  if (stat(path, &file) != 0) {
    mkt_error error;
    (void)mkt_fail(&error, MKT_ERR_FILE_FAILED, "%.150s: %s", path, strerror(errno));
    return mkt_lua_push_error(L, &error);
  }
  lua_createtable(L, 0, 9);
  lua_pushstring(L, S_ISREG(file.st_mode) ? "file" : S_ISDIR(file.st_mode) ? "folder" : "other");
  lua_setfield(L, -2, "type");
  set_integer(L, "mode", file.st_mode & 07777);
  set_integer(L, "uid", file.st_uid);
  set_integer(L, "gid", file.st_gid);
  set_integer(L, "size", file.st_size);
  set_integer(L, "allocated", (long long)file.st_blocks * block_size);
  set_integer(L, "changed_at", file.st_mtime);
  set_integer(L, "device", (long long)file.st_dev);
  push_id(L, &file);
  lua_setfield(L, -2, "id");
  return 1;
}

static int user_id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)geteuid());
  return 1;
}

static int is_terminal(lua_State *L) {
  static const char *const names[] = {"stdin", "stdout", "stderr", NULL};
  static const int descriptors[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  lua_pushboolean(L, isatty(descriptors[luaL_checkoption(L, 1, NULL, names)]) == 1);
  return 1;
}

/* Each fails as it would have while it was closed: nobody reads from the first or writes to the
 * others. */
static int hold_standard_streams(lua_State *L) {
  static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  (void)L;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    /* the lowest that is free is this one */
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) < 0) break;
  }
  return 0;
}

void mkt_lua_add_file(lua_State *L) {
  static const luaL_Reg methods[] = {{"close", lock_close}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {
      {"__gc", lock_close}, {"__close", lock_close}, {NULL, NULL}};
  static const luaL_Reg bytes_metamethods[] = {{"__gc", bytes_free}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"read_file", read_file},
                                       {"replace_file", replace_file},
                                       {"replace_locked", replace_locked},
                                       {"put_in_place", put_in_place},
                                       {"remove_leftovers", remove_leftovers},
                                       {"lock_file", lock_file},
                                       {"is_locked", is_locked},
                                       {"real_path", real_path},
                                       {"file_id", file_id},
                                       {"stat", file_stat},
                                       {"user_id", user_id},
                                       {"is_terminal", is_terminal},
                                       {"hold_standard_streams", hold_standard_streams},
                                       {NULL, NULL}};
  mkt_lua_class(L, metatable_name, methods, metamethods);
  mkt_lua_class(L, bytes_metatable_name, NULL, bytes_metamethods);
  luaL_setfuncs(L, functions, 0);
}
