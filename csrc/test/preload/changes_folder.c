/* changes_folder.c: lets Lua change the working folder. os.getenv "CHANGE_FOLDER" makes it "/".
 * Loaded with LD_PRELOAD.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *getenv(const char *name) {
  static char done[] = "done", failed[] = "failed";
  char *(*original)(const char *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "getenv");
  if (strcmp(name, "CHANGE_FOLDER") != 0) return original(name);
  return chdir("/") == 0 ? done : failed;
}
