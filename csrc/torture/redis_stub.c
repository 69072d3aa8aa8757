#include "torture/redis_stub.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t stub;
static int port = -1;

/* Each command comes in one piece: they are short, and the client waits for each answer. */
static void serve(int connection) {
  static const char answer[] = "*4\r\n$3\r\none\r\n:2\r\n$-1\r\n*1\r\n$5\r\nthree\r\n";
  char command[4096];
  while (read(connection, command, sizeof command) > 0) {
    if (write(connection, answer, sizeof answer - 1) < 0) break;
  }
  (void)close(connection);
}

static void serve_all(int listener) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)signal(SIGPIPE, SIG_IGN);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) _exit(1);
    serve(connection);
  }
}

static int listen_anywhere(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return -1;
  if (bind(listener, (struct sockaddr *)&address, n) == 0 && listen(listener, 64) == 0 &&
      getsockname(listener, (struct sockaddr *)&address, &n) == 0) {
    port = ntohs(address.sin_port);
    return listener;
  }
  (void)close(listener);
  return -1;
}

int mkt_torture_redis_stub(void) {
  if (stub > 0) return port;
  int listener = listen_anywhere();
  if (listener < 0) return -1;
  stub = fork();
  if (stub == 0) serve_all(listener);
  (void)close(listener);
  return stub > 0 ? port : -1;
}

void mkt_torture_redis_stub_end(void) {
  if (stub <= 0) return;
  (void)kill(stub, SIGKILL);
  (void)waitpid(stub, NULL, 0);
  stub = 0;
}
