#include "test/folder.h"

#include "test/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char mkt_folder[] = "/tmp/marketplace-file-XXXXXX";
char mkt_path[128];
char mkt_link_path[128];

int mkt_make_folder(void **state) {
  (void)state;
  memcpy(mkt_folder + sizeof mkt_folder - 7, "XXXXXX", 6);
  if (mkdtemp(mkt_folder) == NULL) return -1;
  (void)snprintf(mkt_path, sizeof mkt_path, "%s/file", mkt_folder);
  (void)snprintf(mkt_link_path, sizeof mkt_link_path, "%s/link", mkt_folder);
  return 0;
}

int mkt_remove_folder(void **state) {
  (void)state;
  (void)unlink(mkt_path);
  (void)unlink(mkt_link_path);
  return rmdir(mkt_folder);
}

int mkt_names(void) {
  DIR *opened = opendir(mkt_folder);
  assert_non_null(opened);
  int count = 0;
  while (readdir(opened) != NULL)
    count++;
  assert_int_equal(closedir(opened), 0);
  return count - 2;
}

mkt_code mkt_put(const char *where, const char *text, mkt_file_how how, mkt_error *error) {
  return mkt_file_replace(where, text, strlen(text), how, error);
}

void mkt_expect_held(const char *text) {
  size_t n;
  char *held = mkt_read_whole_file(mkt_path, &n);
  assert_int_equal(n, strlen(text));
  assert_memory_equal(held, text, n);
  free(held);
}
