#include "server/listen.h"
#include "test/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void listens_where_it_says(void **state) {
  (void)state;
  char host[MKT_SERVER_ADDRESS_BYTES];
  uint16_t port = 0;
  int fd = -1;
  assert_int_equal(mkt_listen("127.0.0.1", 0, &fd, NULL), MKT_OK);
  assert_int_equal(mkt_listen_address(fd, host, &port, NULL), MKT_OK);
  assert_string_equal(host, "127.0.0.1");
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int client = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  assert_int_equal(close(client), 0);
  assert_int_equal(close(fd), 0);
}

static void tells_no_address_of_what_is_no_socket(void **state) {
  (void)state;
  char host[MKT_SERVER_ADDRESS_BYTES];
  uint16_t port = 0;
  mkt_error error;
  assert_int_equal(mkt_listen_address(-1, host, &port, &error), MKT_ERR_LISTEN_FAILED);
  assert_string_equal(error.message, "the socket's address cannot be read");
}

enum { SOFT = 100, HARD = 200 };

/* What becomes of the soft limit, or -1 if there is no room. */
static int soft_limit_after(size_t needed, mkt_error *error) {
  struct rlimit limit;
  if (mkt_listen_make_room(needed, error) != MKT_OK) return -1;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (int)limit.rlim_cur : -2;
}

static int try_limits(void) {
  const struct rlimit limit = {.rlim_cur = SOFT, .rlim_max = HARD};
  mkt_error error;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  if (soft_limit_after(SOFT - 1, &error) != SOFT) return 2;
  if (soft_limit_after(SOFT, &error) != SOFT) return 3;
  if (soft_limit_after(SOFT + 1, &error) != SOFT + 1) return 4;
  if (soft_limit_after(HARD + 1, &error) != -1) return 5;
  if (error.code != MKT_ERR_LISTEN_FAILED) return 6;
  if (strcmp(error.message,
             "max_connections needs 201 open files, and this process may have 200") != 0) {
    return 7;
  }
  return soft_limit_after(HARD, &error) == HARD ? 0 : 8;
}

static void raises_the_limit_of_files_as_far_as_it_must(void **state) {
  (void)state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) _exit(try_limits());
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(listens_where_it_says),
      cmocka_unit_test(tells_no_address_of_what_is_no_socket),
      cmocka_unit_test(raises_the_limit_of_files_as_far_as_it_must),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
