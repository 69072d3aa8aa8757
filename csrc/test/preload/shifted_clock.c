/* shifted_clock.c: the time of day, shifted. Loaded with LD_PRELOAD into a program that writes by
 * how many seconds to the file that SHIFTED_CLOCK names, whenever it likes. Other clocks are left
 * alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long read_shift(void) {
  const char *path = getenv("SHIFTED_CLOCK");
  FILE *file = path != NULL ? fopen(path, "re") : NULL;
  if (file == NULL) return 0;
  char text[32] = "";
  (void)fgets(text, sizeof text, file);
  (void)fclose(file);
  return strtol(text, NULL, 10);
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int clock_gettime(clockid_t clock, struct timespec *at) {
  int result = (int)syscall(SYS_clock_gettime, clock, at);
  if (result == 0 && clock == CLOCK_REALTIME) at->tv_sec += read_shift();
  return result;
}

int gettimeofday(struct timeval *at, void *zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  *at = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *at) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
  if (at != NULL) *at = now.tv_sec;
  return now.tv_sec;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
