/* only_here.c: a preloaded library that keeps the preloaded ones to the process that they were
 * named for: what it starts (curl, a shell, a database) runs without them. */
#include <stdlib.h>

__attribute__((constructor)) static void forget(void) {
  (void)unsetenv("LD_PRELOAD");
}
