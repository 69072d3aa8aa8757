/* support.h: what the unit tests share. */
#ifndef MKT_TEST_SUPPORT_H
#define MKT_TEST_SUPPORT_H

/* cmocka.h wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A copy of bytes that ends right before a page that cannot be read: one byte read past the end
 * ends the program. */
typedef struct mkt_guarded {
  char *p;
  size_t n;
  void *pages;
  size_t pages_n;
} mkt_guarded;

mkt_guarded mkt_guard(const char *p, size_t n);
void mkt_unguard(mkt_guarded *copy);

/* A whole file; the caller frees it. Fails the test if it cannot be read. */
char *mkt_read_whole_file(const char *path, size_t *n);

struct sockaddr_in;

/* A socket that listens on a free port of 127.0.0.1, which is put into *address; the caller closes
 * it. */
int mkt_listen_for_test(struct sockaddr_in *address);

/* Waits, for as long as it takes, until there is something to receive, or the end. */
void mkt_wait_for_bytes(int fd);

/* The folder with the public test vectors: MARKETPLACE_VECTORS, or where they stand beside the
 * project. If they are absent it says so and skips the test. */
const char *mkt_vectors_or_skip(void);

#endif
