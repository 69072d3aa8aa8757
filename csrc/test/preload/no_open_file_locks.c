/* no_open_file_locks.c: a file system without locks of open files. Loaded with LD_PRELOAD. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

static int call(const char *name, int fd, int command, void *argument) {
  int (*original)(int, int, void *) = NULL;
  const void *symbol = dlsym(RTLD_NEXT, name);
  memcpy(&original, &symbol, sizeof original);
  bool is_about_locks = command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
  if (!is_about_locks) return original(fd, command, argument);
  errno = EINVAL;
  return -1;
}

int fcntl(int fd, int cmd, ...) {
  va_list arguments;
  va_start(arguments, cmd);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return call("fcntl", fd, cmd, argument);
}

int fcntl64(int fd, int cmd, ...) {
  va_list arguments;
  va_start(arguments, cmd);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return call("fcntl64", fd, cmd, argument);
}
