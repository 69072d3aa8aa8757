#include "server/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef enum leftover { LEFTOVER_NONE, LEFTOVER_SOME, LEFTOVER_OVER } leftover;

/* MSG_TRUNC on TCP throws the bytes away without copying them (tcp(7)). */
static leftover discard(int fd, size_t *bytes_left) {
  ssize_t n = recv(fd, NULL, *bytes_left, MSG_TRUNC | MSG_DONTWAIT);
  if (n > 0) {
    *bytes_left -= (size_t)n;
    return *bytes_left > 0 ? LEFTOVER_SOME : LEFTOVER_OVER;
  }
  return n < 0 && errno == EAGAIN ? LEFTOVER_NONE : LEFTOVER_OVER;
}

static void remove_at(mkt_linger *linger, size_t i) {
  (void)close(linger->sockets[i].fd);
  linger->count--;
  memmove(&linger->sockets[i], &linger->sockets[i + 1],
          (linger->count - i) * sizeof linger->sockets[0]);
}

void mkt_linger_adopt(mkt_linger *linger, int fd, bool cut_short, uint64_t now) {
  size_t bytes_left = MKT_LINGER_BYTES;
  leftover left = discard(fd, &bytes_left);
  if (left == LEFTOVER_OVER || (left == LEFTOVER_NONE && !cut_short)) return;
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return;
  (void)shutdown(copy, SHUT_WR);
  if (linger->count == MKT_LINGER_MOST) remove_at(linger, 0);
  linger->sockets[linger->count++] =
      (mkt_lingerer){.fd = copy, .deadline = now + MKT_LINGER_TIME, .bytes_left = bytes_left};
}

size_t mkt_linger_list(const mkt_linger *linger, struct pollfd *polled) {
  for (size_t i = 0; i < linger->count; i++) {
    polled[i] = (struct pollfd){.fd = linger->sockets[i].fd, .events = POLLIN};
  }
  return linger->count;
}

void mkt_linger_run(mkt_linger *linger, uint64_t now) {
  for (size_t i = linger->count; i-- > 0;) {
    mkt_lingerer *socket = &linger->sockets[i];
    bool over =
        socket->deadline <= now || discard(socket->fd, &socket->bytes_left) == LEFTOVER_OVER;
    if (over) remove_at(linger, i);
  }
}

uint64_t mkt_linger_deadline(const mkt_linger *linger) {
  return linger->count > 0 ? linger->sockets[0].deadline : UINT64_MAX;
}

void mkt_linger_close(mkt_linger *linger) {
  while (linger->count > 0)
    remove_at(linger, linger->count - 1);
}
