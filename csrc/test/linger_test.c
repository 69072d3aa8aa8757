#include "server/linger.h"
#include "test/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Both ends of a TCP connection. */
typedef struct tcp {
  int server;
  int client;
} tcp;

static tcp connect_both(void) {
  struct sockaddr_in address;
  int listener = mkt_listen_for_test(&address);
  tcp both = {.client = socket(AF_INET, SOCK_STREAM, 0)};
  assert_int_equal(connect(both.client, (struct sockaddr *)&address, sizeof address), 0);
  both.server = accept(listener, NULL, NULL);
  assert_true(both.server >= 0);
  assert_int_equal(close(listener), 0);
  return both;
}

static void client_sends(const tcp *both, const char *text) {
  assert_int_equal(send(both->client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
  mkt_wait_for_bytes(both->server);
}

static bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

/* A socket that lingers from time 0 on, its owner's end closed. */
static tcp begin(mkt_linger *linger) {
  tcp both = connect_both();
  mkt_linger_adopt(linger, both.server, true, 0);
  assert_int_equal(close(both.server), 0);
  both.server = linger->sockets[linger->count - 1].fd;
  return both;
}

static void adopts_what_is_still_sent_to(void **state) {
  (void)state;
  static const struct {
    const char *unread;
    bool cut_short, is_adopted;
  } cases[] = {{"", false, false}, {"", true, true}, {"x", false, true}, {"x", true, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mkt_linger linger = {0};
    tcp both = connect_both();
    if (cases[i].unread[0] != '\0') client_sends(&both, cases[i].unread);
    mkt_linger_adopt(&linger, both.server, cases[i].cut_short, 5);
    assert_int_equal(linger.count, cases[i].is_adopted);
    assert_int_equal(mkt_linger_deadline(&linger), cases[i].is_adopted ? 2005 : UINT64_MAX);
    assert_int_equal(close(both.server), 0);
    assert_int_equal(close(both.client), 0);
    mkt_linger_close(&linger);
  }
}

static void adopts_none_whose_peer_is_done(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp both = connect_both();
  assert_int_equal(shutdown(both.client, SHUT_WR), 0);
  mkt_wait_for_bytes(both.server);
  mkt_linger_adopt(&linger, both.server, true, 0);
  assert_int_equal(linger.count, 0);
  assert_int_equal(close(both.server), 0);
  assert_int_equal(close(both.client), 0);
}

static void half_closes_a_copy_that_is_not_inherited(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp both = begin(&linger);
  char byte;
  assert_int_equal(fcntl(both.server, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal(recv(both.client, &byte, 1, 0), 0);
  client_sends(&both, "more");
  assert_true(is_open(both.server));
  mkt_linger_close(&linger);
  assert_int_equal(linger.count, 0);
  assert_false(is_open(both.server));
  assert_int_equal(close(both.client), 0);
}

static void ends_at_the_deadline(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp both = begin(&linger);
  mkt_linger_run(&linger, MKT_LINGER_TIME - 1);
  assert_int_equal(linger.count, 1);
  mkt_linger_run(&linger, MKT_LINGER_TIME);
  assert_int_equal(linger.count, 0);
  assert_false(is_open(both.server));
  assert_int_equal(close(both.client), 0);
}

static void ends_when_the_peer_is_done(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp first = begin(&linger), second = begin(&linger), third = begin(&linger);
  assert_int_equal(shutdown(second.client, SHUT_WR), 0);
  mkt_wait_for_bytes(second.server);
  mkt_linger_run(&linger, 1);
  assert_int_equal(linger.count, 2);
  assert_int_equal(linger.sockets[0].fd, first.server);
  assert_int_equal(linger.sockets[1].fd, third.server);
  assert_false(is_open(second.server));
  mkt_linger_close(&linger);
  assert_int_equal(close(first.client), 0);
  assert_int_equal(close(second.client), 0);
  assert_int_equal(close(third.client), 0);
}

static void ends_when_the_peer_is_gone(void **state) {
  (void)state;
  const struct linger at_once = {.l_onoff = 1};
  mkt_linger linger = {0};
  tcp both = begin(&linger);
  assert_int_equal(setsockopt(both.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  assert_int_equal(close(both.client), 0);
  mkt_wait_for_bytes(both.server);
  mkt_linger_run(&linger, 1);
  assert_int_equal(linger.count, 0);
}

static void discards_no_more_than_it_may(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp both = begin(&linger);
  assert_int_equal(linger.sockets[0].bytes_left, MKT_LINGER_BYTES);
  linger.sockets[0].bytes_left = 5;
  client_sends(&both, "four");
  mkt_linger_run(&linger, 1);
  assert_int_equal(linger.count, 1);
  assert_int_equal(linger.sockets[0].bytes_left, 1);
  mkt_linger_run(&linger, 1);
  assert_int_equal(linger.count, 1);
  client_sends(&both, "x");
  mkt_linger_run(&linger, 1);
  assert_int_equal(linger.count, 0);
  assert_int_equal(close(both.client), 0);
}

static void counts_what_it_discards_as_it_adopts(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp both = connect_both();
  client_sends(&both, "seven..");
  mkt_linger_adopt(&linger, both.server, false, 0);
  assert_int_equal(linger.sockets[0].bytes_left, MKT_LINGER_BYTES - 7);
  assert_int_equal(close(both.server), 0);
  assert_int_equal(close(both.client), 0);
  mkt_linger_close(&linger);
}

static void lets_the_oldest_go_for_want_of_room(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp links[MKT_LINGER_MOST + 1];
  for (size_t i = 0; i < MKT_LINGER_MOST; i++) {
    links[i] = begin(&linger);
    assert_int_equal(linger.count, i + 1);
  }
  links[MKT_LINGER_MOST] = begin(&linger);
  assert_int_equal(linger.count, MKT_LINGER_MOST);
  assert_int_equal(linger.sockets[0].fd, links[1].server);
  assert_int_equal(linger.sockets[MKT_LINGER_MOST - 1].fd, links[MKT_LINGER_MOST].server);
  mkt_linger_close(&linger);
  for (size_t i = 0; i <= MKT_LINGER_MOST; i++)
    assert_int_equal(close(links[i].client), 0);
}

/* With no limit of time: it returns because of the bytes, or never. */
static void waits_for(const mkt_linger *linger, int milliseconds, int expected) {
  struct pollfd polled[MKT_LINGER_MOST];
  size_t count = mkt_linger_list(linger, polled);
  assert_int_equal(count, linger->count);
  assert_int_equal(poll(polled, count, milliseconds), expected);
}

static void lists_each_to_be_waited_for(void **state) {
  (void)state;
  mkt_linger linger = {0};
  tcp first = begin(&linger), second = begin(&linger);
  waits_for(&linger, 0, 0);
  client_sends(&second, "x");
  waits_for(&linger, -1, 1);
  mkt_linger_run(&linger, 1);
  client_sends(&first, "x");
  waits_for(&linger, -1, 1);
  mkt_linger_run(&linger, 1);
  waits_for(&linger, 0, 0);
  mkt_linger_close(&linger);
  assert_int_equal(close(first.client), 0);
  assert_int_equal(close(second.client), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(adopts_what_is_still_sent_to),
      cmocka_unit_test(adopts_none_whose_peer_is_done),
      cmocka_unit_test(half_closes_a_copy_that_is_not_inherited),
      cmocka_unit_test(ends_at_the_deadline),
      cmocka_unit_test(ends_when_the_peer_is_done),
      cmocka_unit_test(ends_when_the_peer_is_gone),
      cmocka_unit_test(discards_no_more_than_it_may),
      cmocka_unit_test(counts_what_it_discards_as_it_adopts),
      cmocka_unit_test(lets_the_oldest_go_for_want_of_room),
      cmocka_unit_test(lists_each_to_be_waited_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
