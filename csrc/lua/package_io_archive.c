#include "core/file_read.h"
#include "lua/class.h"
#include "lua/fields.h"
#include "lua/package_io.h"
#include "lua/push.h"
#include "packages/archive.h"

static const char metatable_name[] = "marketplace.package_archive";
static const lua_Number normal_size = 16777216, most_size = 67108864; /* bytes of an entry */

/* Owns what is read while it is made into Lua strings. */
typedef struct archive {
  mkt_buffer file;
  size_t count;
  mkt_package_entry entries[MKT_PACKAGE_MOST_ENTRIES];
} archive;

static void clear(archive *a) {
  mkt_buffer_clear(&a->file);
  for (size_t i = 0; i < a->count; i++)
    mkt_buffer_clear(&a->entries[i].bytes);
}

static int archive_free(lua_State *L) {
  clear(luaL_checkudata(L, 1, metatable_name));
  return 0;
}

/* The names stay on the stack. */
static void read_names(lua_State *L, archive *a) {
  size_t most = (size_t)mkt_lua_number_field(L, 1, "max_size", normal_size, most_size);
  mkt_lua_get_field(L, 1, "names");
  if (!lua_istable(L, -1)) luaL_error(L, "field 'names' must be a list of strings");
  int list = lua_gettop(L);
  size_t count = (size_t)lua_rawlen(L, list);
  if (count < 1 || count > MKT_PACKAGE_MOST_ENTRIES) {
    luaL_error(L, "field 'names' must have 1 to %d", (int)MKT_PACKAGE_MOST_ENTRIES);
  }
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "a name is not a string");
    a->entries[i].name = lua_tostring(L, -1);
    mkt_buffer_init(&a->entries[i].bytes, most);
  }
  a->count = count;
}

static int push_entries(lua_State *L, const archive *a) {
  lua_createtable(L, 0, (int)a->count);
  for (size_t i = 0; i < a->count; i++) {
    lua_pushlstring(L, a->entries[i].bytes.p, a->entries[i].bytes.n);
    lua_setfield(L, -2, a->entries[i].name);
  }
  return 1;
}

static mkt_code read_file(lua_State *L, archive *a, mkt_error *error) {
  mkt_buffer_init(&a->file, MKT_PACKAGE_MOST_ARCHIVE);
  mkt_code code = mkt_file_read(mkt_lua_required_word(L, 1, "path"), &a->file, error);
  if (code == MKT_ERR_TOO_LARGE) error->code = code = MKT_ERR_ARCHIVE_INVALID;
  return code;
}

static int read_archive(lua_State *L) {
  mkt_error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  archive *a = mkt_lua_new(L, metatable_name, sizeof *a);
  read_names(L, a);
  size_t n = 0;
  const char *bytes = mkt_lua_text_field(L, 1, "bytes", &n);
  mkt_code code = bytes != NULL ? MKT_OK : read_file(L, a, &error);
  if (code == MKT_OK && bytes == NULL) bytes = a->file.p, n = a->file.n;
  if (code == MKT_OK) code = mkt_package_archive_read(bytes, n, a->entries, a->count, &error);
  int pushed = code == MKT_OK ? push_entries(L, a) : mkt_lua_push_error(L, &error);
  clear(a);
  return pushed;
}

void mkt_lua_add_package_archive(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", archive_free}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"read_archive", read_archive}, {NULL, NULL}};
  mkt_lua_class(L, metatable_name, NULL, metamethods);
  luaL_setfuncs(L, functions, 0);
}
