#include "test/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

mkt_guarded mkt_guard(const char *p, size_t n) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t readable = (n + page) / page * page;
  mkt_guarded copy = {.n = n, .pages_n = readable + page};
  char *pages =
      mmap(NULL, copy.pages_n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(pages != MAP_FAILED);
  assert_int_equal(mprotect(pages + readable, page, PROT_NONE), 0);
  copy.pages = pages;
  copy.p = pages + readable - n;
  if (n > 0) memcpy(copy.p, p, n);
  return copy;
}

void mkt_unguard(mkt_guarded *copy) {
  assert_int_equal(munmap(copy->pages, copy->pages_n), 0);
}

char *mkt_read_whole_file(const char *path, size_t *n) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("%s cannot be read", path);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  long size = ftell(file);
  assert_true(size >= 0);
  assert_int_equal(fseek(file, 0, SEEK_SET), 0);
  char *text = malloc((size_t)size + 1);
  assert_non_null(text);
  *n = fread(text, 1, (size_t)size, file);
  assert_int_equal(*n, size);
  int closed = fclose(file);
  assert_int_equal(closed, 0);
  return text;
}

int mkt_listen_for_test(struct sockaddr_in *address) {
  socklen_t size = sizeof *address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  assert_int_equal(bind(listener, (struct sockaddr *)address, size), 0);
  assert_int_equal(listen(listener, 8), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)address, &size), 0);
  return listener;
}

void mkt_wait_for_bytes(int fd) {
  struct pollfd polled = {.fd = fd, .events = POLLIN};
  assert_int_equal(poll(&polled, 1, -1), 1);
}

const char *mkt_vectors_or_skip(void) {
  const char *folder = getenv("MARKETPLACE_VECTORS");
  if (folder == NULL || folder[0] == '\0') folder = "../shared/vectors";
  if (access(folder, R_OK) == 0) return folder;
  printf("no test vectors in %s: set MARKETPLACE_VECTORS to the folder that has JSONTestSuite and "
         "wycheproof\n",
         folder);
  skip();
  return NULL;
}
