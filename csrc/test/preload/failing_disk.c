/* failing_disk.c: a disk that fails while the file FAILING_DISK holds a word: "full" (what is
 * written does not fit), "sync" (what was written is not known to be on the disk) or "read_only".
 * Loaded with LD_PRELOAD into a program that stores with SQLite.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int fails(const char *how) {
  char word[16] = "";
  FILE *file = fopen(getenv("FAILING_DISK"), "r");
  if (file == NULL) return 0;
  if (fgets(word, sizeof word, file) == NULL) word[0] = '\0';
  (void)fclose(file);
  return strcmp(word, how) == 0;
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t offset) {
  ssize_t (*original)(int, const void *, size_t, off64_t) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "pwrite64");
  if (!fails("full")) return original(fd, buf, n, offset);
  errno = ENOSPC;
  return -1;
}

int fdatasync(int fildes) {
  int (*original)(int) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "fdatasync");
  if (!fails("sync")) return original(fildes);
  errno = EIO;
  return -1;
}

int open64(const char *file, int oflag, ...) {
  int (*original)(const char *, int, mode_t) = NULL;
  *(void **)&original = dlsym(RTLD_NEXT, "open64");
  va_list arguments;
  va_start(arguments, oflag);
  mode_t mode = (oflag & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((oflag & O_ACCMODE) == O_RDONLY || !fails("read_only")) return original(file, oflag, mode);
  errno = EROFS;
  return -1;
}
