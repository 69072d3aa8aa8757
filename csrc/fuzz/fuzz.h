/* fuzz.h: what the fuzz targets share.
 *
 * A target is one file, NAME_fuzz.c, with the function that libFuzzer calls for each input. It asks
 * for more than that nothing crashes: MKT_FUZZ_CHECK ends the program if what it is given is
 * false. `make fuzz` runs the targets under libFuzzer, `make test` runs them over corpus/NAME.
 */
#ifndef MKT_FUZZ_H
#define MKT_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MKT_FUZZ_CHECK(condition)                                                                  \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

/* The input with a NUL behind, and so as a string, up to its first NUL; the caller frees it. */
char *mkt_fuzz_string(const uint8_t *data, size_t n);

/* Whether the message of a failure is one: a code, and a sentence that ends. */
struct mkt_error;
void mkt_fuzz_check_error(const struct mkt_error *error);

#endif
