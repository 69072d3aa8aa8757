/* forks.c: lets Lua fork. os.getenv "FORK" gives "child" in a new process, and "parent" in the old
 * one when that has ended. Loaded with LD_PRELOAD.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

char *getenv(const char *name) {
  static char child[] = "child", parent[] = "parent";
  char *(*original)(const char *) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "getenv");
  if (strcmp(name, "FORK") != 0) return original(name);
  pid_t pid = fork();
  if (pid == 0) return child;
  (void)waitpid(pid, NULL, 0);
  return parent;
}
