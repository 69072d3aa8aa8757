#include "sqlite/mapping.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line: two addresses, what it may be used for, an offset, a device, a number and the path. */
enum { LINE_BYTES = PATH_MAX + 150 };

static bool includes(const char *line, uintptr_t address) {
  char *end;
  unsigned long long first = strtoull(line, &end, 16);
  return *end == '-' && address >= first && address < strtoull(end + 1, NULL, 16);
}

static bool ends_with(const char *line, const char *end) {
  size_t n = strlen(line), m = strlen(end);
  return n >= m && memcmp(line + n - m, end, m) == 0;
}

bool mkt_mapped_file_is_removed(const void volatile *address) {
  char line[LINE_BYTES];
  FILE *maps = fopen("/proc/self/maps", "re");
  if (maps == NULL) return false;
  bool is_removed = false;
  while (fgets(line, sizeof line, maps) != NULL) {
    if (!includes(line, (uintptr_t)address)) continue;
    is_removed = ends_with(line, " (deleted)\n");
    break;
  }
  (void)fclose(maps);
  return is_removed;
}
