/* Runs a target over the files of a folder, without libFuzzer. Counts as one test. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

static void run_file(const char *folder, const char *name) {
  char path[4096];
  MKT_FUZZ_CHECK((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path);
  FILE *file = fopen(path, "rb");
  MKT_FUZZ_CHECK(file != NULL);
  MKT_FUZZ_CHECK(fseek(file, 0, SEEK_END) == 0);
  long n = ftell(file);
  MKT_FUZZ_CHECK(n >= 0 && fseek(file, 0, SEEK_SET) == 0);
  /* exactly as long, so that ASan sees the byte behind it read */
  uint8_t *data = malloc((size_t)n + (n == 0));
  MKT_FUZZ_CHECK(data != NULL && fread(data, 1, (size_t)n, file) == (size_t)n);
  (void)fclose(file);
  (void)LLVMFuzzerTestOneInput(data, (size_t)n);
  free(data);
}

int main(int count, char **arguments) {
  MKT_FUZZ_CHECK(count == 2);
  DIR *folder = opendir(arguments[1]);
  MKT_FUZZ_CHECK(folder != NULL);
  int files = 0;
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    run_file(arguments[1], entry->d_name);
    files++;
  }
  (void)closedir(folder);
  MKT_FUZZ_CHECK(files > 0);
  (void)printf("%d inputs of %s\n[  PASSED  ] 1 test(s).\n", files, arguments[1]);
  return 0;
}
