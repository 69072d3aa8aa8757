/* lines.c: marks every line of lua/marketplace that a process runs, for `make coverage`.
 *
 * For each Lua file there is a file of MOST_LINES bytes in the folder COVERAGE_LINES; the byte at a
 * line's number is 1 once any process has run that line. The files are mapped and shared, so that
 * nothing is lost of a process that is killed, and children need not be waited for.
 *
 * Plain Lua loads this as a module, see start.lua. nginx has it as LD_PRELOAD:
 * there every Lua state that opens Lua's libraries is watched, and LuaJIT's compiler, whose code
 * calls no hooks, is turned off.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#ifdef LUAJIT_WATCHED
#include <luajit.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_FILES = 512, MOST_LINES = 4096, NAME_SIZE = 96, PATH_SIZE = 4096 };

typedef struct lines_file {
  char name[NAME_SIZE];
  unsigned char *lines;
} lines_file;

static char folder[PATH_SIZE];
/* of each thread its own: nginx runs Lua states on threads, and a file may well be mapped twice */
static _Thread_local lines_file *files;

/* What is not marked would pass for not run: that must not go unnoticed. */
static void must(int condition, const char *what) {
  if (condition) return;
  perror(what);
  abort();
}

/* nginx empties the environment later */
__attribute__((constructor)) static void read_environment(void) {
  const char *given = getenv("COVERAGE_LINES");
  must(given != NULL && strlen(given) < sizeof folder, "lines: COVERAGE_LINES");
  memcpy(folder, given, strlen(given) + 1);
}

static unsigned char *map(const char *name) {
  char path[PATH_SIZE + NAME_SIZE];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  for (char *p = path + strlen(folder) + 1; *p != '\0'; p++)
    if (*p == '/') *p = ',';
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  must(fd >= 0 && ftruncate(fd, MOST_LINES) == 0, "lines: open");
  void *lines = mmap(NULL, MOST_LINES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  must(lines != MAP_FAILED && close(fd) == 0, "lines: map");
  return lines;
}

static unsigned char *lines_of(const char *name) {
  if (files == NULL) files = calloc(MOST_FILES, sizeof *files);
  must(files != NULL && strlen(name) < NAME_SIZE, "lines: name");
  size_t hash = 5381;
  for (const char *p = name; *p != '\0'; p++)
    hash = hash * 33 + (unsigned char)*p;
  for (size_t tries = 0; tries < MOST_FILES; tries++) {
    lines_file *file = &files[(hash + tries) % MOST_FILES];
    if (file->lines == NULL) {
      memcpy(file->name, name, strlen(name) + 1);
      file->lines = map(name);
    }
    if (strcmp(file->name, name) == 0) return file->lines;
  }
  must(0, "lines: too many files");
  return NULL;
}

/* "marketplace/x.lua" of "@lua/marketplace/x.lua" and "@/somewhere/lua/marketplace/x.lua", else
 * NULL. */
static const char *name_in(const char *source) {
  static const char place[] = "lua/marketplace/";
  if (source[0] != '@') return NULL;
  const char *found = strstr(source, place);
  return found != NULL && (found[-1] == '@' || found[-1] == '/') ? found + 4 : NULL;
}

static void mark(lua_State *L, lua_Debug *event) {
  (void)lua_getinfo(L, "S", event);
  const char *name = name_in(event->source);
  if (name == NULL) return;
  must(event->currentline < MOST_LINES, "lines: too long a file");
  unsigned char *line = &lines_of(name)[event->currentline];
  if (*line == 0) *line = 1;
}

/* As LD_PRELOAD. */
__attribute__((visibility("default"))) void luaL_openlibs(lua_State *L) {
  void (*open_all)(lua_State *);
  *(void **)&open_all = dlsym(RTLD_NEXT, "luaL_openlibs");
  must(open_all != NULL, "lines: luaL_openlibs");
  open_all(L);
#ifdef LUAJIT_WATCHED
  must(luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF) == 1, "lines: LuaJIT's compiler");
#endif
  lua_sethook(L, mark, LUA_MASKLINE, 0);
}

/* As a module. */
__attribute__((visibility("default"))) int luaopen_lines(lua_State *L);

int luaopen_lines(lua_State *L) {
  lua_sethook(L, mark, LUA_MASKLINE, 0);
  return 0;
}
