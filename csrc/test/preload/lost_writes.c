/* lost_writes.c: shows what a power cut would leave. Loaded with LD_PRELOAD into a program that
 * stores.
 *
 * After each fsync or fdatasync of a file in the folder LOST_WRITES_FOLDER the file is copied to
 * its name with
 * ".synced" behind: what was written and never synced is in no such copy. Whoever puts the copies
 * in the place of the files, and removes files without one, has a disk that lost every write that
 * it was allowed to lose.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, BLOCK_SIZE = 65536 };

/* A copy that fails would make the program look worse than it is, or better: it must not go
 * unnoticed. */
static void must(int condition, const char *what) {
  if (condition) return;
  perror(what);
  abort();
}

static void copy_file(int from, const char *path) {
  static char block[BLOCK_SIZE];
  char temporary[PATH_SIZE + 16];
  (void)snprintf(temporary, sizeof temporary, "%s.new", path);
  int to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  must(to >= 0, "lost_writes: open");
  ssize_t n;
  for (off_t at = 0; (n = pread(from, block, sizeof block, at)) > 0; at += n)
    must(write(to, block, (size_t)n) == n, "lost_writes: write");
  must(n == 0 && close(to) == 0 && rename(temporary, path) == 0, "lost_writes: copy");
}

static void keep_synced(int fd) {
  const char *folder = getenv("LOST_WRITES_FOLDER");
  char link[64], path[PATH_SIZE], copy[PATH_SIZE + 8];
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (folder == NULL || n < 0) return;
  path[n] = '\0';
  if (strncmp(path, folder, strlen(folder)) != 0) return;
  (void)snprintf(copy, sizeof copy, "%s.synced", path);
  struct stat file;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return;
  copy_file(fd, copy);
}

static int sync_with(const char *name, int fd) {
  int (*real)(int) = NULL;
  const void *symbol = dlsym(RTLD_NEXT, name);
  memcpy(&real, &symbol, sizeof real);
  int result = real(fd);
  if (result == 0) keep_synced(fd);
  return result;
}

int fsync(int fd) {
  return sync_with("fsync", fd);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's name is reserved */
int fdatasync(int fd) {
  return sync_with("fdatasync", fd);
}
