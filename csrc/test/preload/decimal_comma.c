/* decimal_comma.c: strtod as it is in a locale whose decimal point is a comma: a point ends the
 * number. Loaded with LD_PRELOAD, as machines that run tests need not have such a locale.
 */
#include <stdlib.h>
#include <string.h>

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
double strtod(const char *text, char **end) {
  char whole[64] = "";
  char *whole_end;
  size_t n = strcspn(text, ".");
  memcpy(whole, text, n < sizeof whole ? n : sizeof whole - 1);
  double value = (double)strtold(whole, &whole_end);
  if (end != NULL) *end = (char *)(size_t)text + (whole_end - whole);
  return value;
}
