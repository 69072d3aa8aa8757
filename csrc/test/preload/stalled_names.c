/* stalled_names.c: a name server that does not answer. Loaded with LD_PRELOAD into a program that
 * asks for "stalled.invalid": it waits until the pipe STALLED_NAMES, a path, is opened for writing.
 */
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
  (void)service;
  (void)hints;
  *found = NULL;
  if (name != NULL && strcmp(name, "stalled.invalid") == 0) {
    const char *fifo = getenv("STALLED_NAMES");
    if (fifo != NULL) (void)open(fifo, O_RDONLY);
    return EAI_AGAIN;
  }
  return EAI_NONAME;
}
