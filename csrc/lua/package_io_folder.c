#define _FILE_OFFSET_BITS 64 /* NOLINT(bugprone-reserved-identifier) */

#include "core/file.h"
#include "lua/class.h"
#include "lua/package_io.h"
#include "lua/path.h"
#include "lua/push.h"
#include "packages/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char metatable_name[] = "marketplace.package_folder";

static int link_file(lua_State *L) {
  mkt_error error;
  const char *from = mkt_lua_check_path(L, 1), *to = mkt_lua_check_path(L, 2);
  return mkt_lua_push_outcome(L, mkt_package_link(from, to, &error), &error);
}

static int rename_path(lua_State *L) {
  mkt_error error;
  const char *from = mkt_lua_check_path(L, 1), *to = mkt_lua_check_path(L, 2);
  return mkt_lua_push_outcome(L, mkt_package_rename(from, to, &error), &error);
}

static int make_folders(lua_State *L) {
  mkt_error error;
  const char *path = mkt_lua_check_path(L, 1);
  lua_Integer mode = luaL_checkinteger(L, 2);
  luaL_argcheck(L, mode >= 0 && mode <= 0777, 2, "permission bits are expected");
  return mkt_lua_push_outcome(L, mkt_package_make_folders(path, (mode_t)mode, &error), &error);
}

static int remove_tree(lua_State *L) {
  mkt_error error;
  return mkt_lua_push_outcome(L, mkt_package_remove_tree(mkt_lua_check_path(L, 1), &error), &error);
}

static int sync_path(lua_State *L) {
  mkt_error error;
  return mkt_lua_push_outcome(L, mkt_file_sync(mkt_lua_check_path(L, 1), &error), &error);
}

static int disk_free(lua_State *L) {
  uint64_t bytes = 0;
  mkt_error error;
  if (mkt_package_disk_free(mkt_lua_check_path(L, 1), &bytes, &error) != MKT_OK) {
    return mkt_lua_push_error(L, &error);
  }
  mkt_lua_push_integer(L, bytes);
  return 1;
}

/* ---- Listing ---- */

/* Owns the open folder while what is in it is made into Lua values. */
typedef struct listing {
  DIR *folder;
} listing;

static int listing_close(lua_State *L) {
  listing *open = luaL_checkudata(L, 1, metatable_name);
  if (open->folder != NULL) (void)closedir(open->folder);
  open->folder = NULL;
  return 0;
}

static void push_entry(lua_State *L, const char *name, const struct stat *file) {
  lua_createtable(L, 0, 3);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "name");
  lua_pushstring(L, S_ISREG(file->st_mode)   ? "file"
                    : S_ISDIR(file->st_mode) ? "folder"
                    : S_ISLNK(file->st_mode) ? "link"
                                             : "other");
  lua_setfield(L, -2, "type");
  mkt_lua_push_integer(L, file->st_size);
  lua_setfield(L, -2, "size");
}

/* Onto the list on top of the stack. errno, or 0. */
static int push_entries(lua_State *L, DIR *folder) {
  struct stat file;
  errno = 0;
  for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
    bool is_itself = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    bool is_there = fstatat(dirfd(folder), e->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && errno != ENOENT) return errno;
    if (is_there && !is_itself) {
      push_entry(L, e->d_name, &file);
      lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    }
    errno = 0;
  }
  return errno;
}

static int fail_to_list(lua_State *L, const char *path, int why) {
  mkt_error error;
  (void)mkt_package_fail(&error, path, "it cannot be listed", why);
  return mkt_lua_push_error(L, &error);
}

static int list(lua_State *L) {
  const char *path = mkt_lua_check_path(L, 1);
  listing *open = mkt_lua_new(L, metatable_name, sizeof *open);
  lua_newtable(L);
  open->folder = opendir(path);
  if (open->folder == NULL) return fail_to_list(L, path, errno);
  int why = push_entries(L, open->folder);
  (void)closedir(open->folder);
  open->folder = NULL;
  return why == 0 ? 1 : fail_to_list(L, path, why);
}

void mkt_lua_add_package_folder(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", listing_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"link", link_file},
                                       {"rename", rename_path},
                                       {"make_folders", make_folders},
                                       {"remove_tree", remove_tree},
                                       {"sync", sync_path},
                                       {"list", list},
                                       {"disk_free", disk_free},
                                       {NULL, NULL}};
  mkt_lua_class(L, metatable_name, NULL, metamethods);
  luaL_setfuncs(L, functions, 0);
}
