/* shown_waits.c: libmicrohttpd and libcurl that do not wait, but print for how many milliseconds
 * they were told to. Loaded with LD_PRELOAD.
 */
#include <stdio.h>

struct MHD_Daemon;
int MHD_run_wait(struct MHD_Daemon *daemon, int milliseconds);
int curl_multi_poll(void *multi, void *more, unsigned more_count, int milliseconds, int *count);

int MHD_run_wait(struct MHD_Daemon *daemon, int milliseconds) {
  (void)daemon;
  (void)printf("%d ", milliseconds);
  return 1;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
int curl_multi_poll(void *multi, void *more, unsigned more_count, int milliseconds, int *count) {
  (void)multi;
  (void)more;
  (void)more_count;
  (void)count;
  (void)printf("%d ", milliseconds);
  return 0;
}
