/* What a client sends: the first byte says in how many pieces, and whether the client ends its
 * side.
 *
 * The server is the whole one, with its sockets and its thread, and stays the same for all inputs.
 */
#include "fuzz.h"
#include "server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BODY = 200, MOST_TURNS = 10000 };

static mkt_server *server;

static void open_server(void) {
  static const mkt_route routes[] = {{"/device/updates", 50}, {"/apps/", 10}};
  const mkt_server_options options = {.host = "127.0.0.1",
                                      .path = "/notifications",
                                      .routes = routes,
                                      .route_count = sizeof routes / sizeof routes[0],
                                      .live_path = "/healthz",
                                      .ready_path = "/readyz",
                                      .max_body = MAX_BODY,
                                      .max_buffered = 1000,
                                      .max_connections = 4,
                                      .max_header_bytes = 4096,
                                      .header_timeout = 60000,
                                      .body_timeout = 60000,
                                      .idle_timeout = 60000};
  mkt_error error;
  MKT_FUZZ_CHECK(mkt_server_open(&server, &options, &error) == MKT_OK);
}

static struct sockaddr_in loopback(uint32_t host, uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000000 + host), .sin_port = htons(port)};
}

/* Each comes from an address of its own, as the system has fewer ports than there are inputs. -1 if
 * too many of the connections before have not ended for it, all the same. */
static int connect_client(void) {
  static uint32_t clients;
  const struct sockaddr_in from = loopback(clients++ % 0xFFFFFF + 2, 0);
  const struct sockaddr_in to = loopback(1, mkt_server_port(server));
  const int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  MKT_FUZZ_CHECK(fd >= 0);
  (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  MKT_FUZZ_CHECK(bind(fd, (const struct sockaddr *)&from, sizeof from) == 0);
  if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) return fd;
  MKT_FUZZ_CHECK(errno == EADDRNOTAVAIL);
  (void)close(fd);
  return -1;
}

static bool is_printable(mkt_text text) {
  for (size_t i = 0; i < text.n; i++) {
    if (text.p[i] <= ' ' || text.p[i] >= 0x7F) return false;
  }
  return true;
}

static void check_headers(const mkt_request *request) {
  size_t cursor = 0, ends = 0, hosts = 0;
  mkt_text name, value;
  while (mkt_request_header(request, &cursor, &name, &value)) {
    MKT_FUZZ_CHECK(name.n > 0 && is_printable(name) && memchr(name.p, ':', name.n) == NULL);
    for (size_t i = 0; i < value.n; i++)
      MKT_FUZZ_CHECK(value.p[i] == '\t' ||
                     ((unsigned char)value.p[i] >= ' ' && value.p[i] != 0x7F));
    ends += name.n == 14 && memcmp(name.p, "content-length", 14) == 0 ? 1 : 0;
    ends += name.n == 17 && memcmp(name.p, "transfer-encoding", 17) == 0 ? 1 : 0;
    hosts += name.n == 4 && memcmp(name.p, "host", 4) == 0 ? 1 : 0;
  }
  MKT_FUZZ_CHECK(ends <= 1 && hosts <= 1);
}

/* What has no fault is sound, whatever was sent. */
static void check_request(const mkt_request *request) {
  MKT_FUZZ_CHECK(mkt_request_remote(request).n > 0);
  if (mkt_request_fault(request) != MKT_FAULT_NONE) {
    MKT_FUZZ_CHECK(mkt_request_body(request).p == NULL);
    return;
  }
  MKT_FUZZ_CHECK(mkt_request_method(request).n > 0 && is_printable(mkt_request_method(request)));
  MKT_FUZZ_CHECK(mkt_request_path(request).n > 0 && is_printable(mkt_request_path(request)));
  MKT_FUZZ_CHECK(mkt_request_body(request).n <= MAX_BODY);
  check_headers(request);
}

static void answer_all(void) {
  enum { MOST = 64 };
  static const mkt_answer answer = {.status = 200, .body = "x", .body_length = 1};
  mkt_handle handles[MOST];
  size_t count = 0;
  (void)mkt_server_poll(server, 0);
  const mkt_request *request = mkt_server_ready(server);
  for (; request != NULL; request = mkt_request_next(request)) {
    check_request(request);
    MKT_FUZZ_CHECK(count < MOST);
    handles[count++] = mkt_request_handle(request);
  }
  mkt_server_take(server);
  for (size_t i = 0; i < count; i++)
    mkt_server_answer(server, handles[i], &answer);
  if (count > 0) mkt_server_flush(server);
}

static void send_pieces(int fd, const uint8_t *data, size_t n, size_t pieces) {
  const size_t size = n / pieces + 1;
  for (size_t at = 0; at < n; at += size) {
    (void)send(fd, data + at, n - at < size ? n - at : size, MSG_NOSIGNAL | MSG_DONTWAIT);
    answer_all();
  }
}

static bool is_empty(void) {
  const mkt_server_stats stats = mkt_server_statistics(server);
  MKT_FUZZ_CHECK(stats.connections > 0 || stats.waiting > 0 || stats.buffered == 0);
  return stats.connections == 0 && stats.waiting == 0;
}

/* Whatever was sent, the connection has an end, and leaves nothing behind. */
static void check_end(void) {
  int turns = 0;
  while (!is_empty()) {
    MKT_FUZZ_CHECK(turns++ < MOST_TURNS);
    answer_all();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  if (server == NULL) open_server();
  if (n == 0) return 0;
  const struct linger at_once = {.l_onoff = 1};
  int fd = connect_client();
  if (fd < 0) return 0;
  send_pieces(fd, data + 1, n - 1, data[0] % 8 + 1);
  if (data[0] & 8) (void)shutdown(fd, SHUT_WR);
  for (int turn = 0; turn < 4; turn++)
    answer_all();
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  MKT_FUZZ_CHECK(close(fd) == 0);
  check_end();
  return 0;
}
