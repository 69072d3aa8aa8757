#include "server/front.h"

#include "core/thread.h"
#include "server/refuse.h"
#include "server/run.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* The front's thread */

static bool is_owner_here(const mkt_front *front) {
  return front->turn == MKT_TURN_OWNERS || front->is_wanted;
}

/* Whether the owner, who had so many turns before, is away since. */
static bool is_left_alone(const mkt_front *front, uint64_t visits) {
  return front->visits == visits && !is_owner_here(front) && !front->is_over;
}

/* False as well if it is not worth waiting any longer. */
static bool is_patience_over(mkt_front *front) {
  const uint64_t visits = front->visits;
  const struct timespec at = mkt_deadline_in(MKT_FRONT_PATIENCE);
  int ended = 0;
  while (ended == 0 && !front->is_over)
    ended = pthread_cond_timedwait(&front->is_awaited, &front->lock, &at);
  return ended == ETIMEDOUT && is_left_alone(front, visits);
}

static void rest(mkt_front *front) {
  front->is_resting = true;
  while (is_owner_here(front) && !front->is_over)
    (void)pthread_cond_wait(&front->is_awaited, &front->lock);
  front->is_resting = false;
}

/* The front's turn. What it has to wait for afterwards is put into `wait`. */
static void take_turn(mkt_server *server, mkt_wait *wait) {
  mkt_front *front = &server->front;
  front->turn = MKT_TURN_FRONTS;
  (void)pthread_mutex_unlock(&front->lock);
  server->is_owner_away = true;
  mkt_run_sockets(server, 0);
  if (server->path != NULL) mkt_refuse_ready(server);
  mkt_run_plan_wait(server, wait);
  if (server->has_replied) wait->milliseconds = 0;
  server->is_owner_away = false;
  (void)pthread_mutex_lock(&front->lock);
  front->turn = MKT_TURN_NOBODYS;
  (void)pthread_cond_signal(&front->is_free);
}

static void wait_outside(mkt_front *front, mkt_wait *wait) {
  uint64_t ignored;
  front->is_outside = true;
  (void)pthread_mutex_unlock(&front->lock);
  mkt_wait_for(wait, front->wakes_fd);
  (void)pthread_mutex_lock(&front->lock);
  front->is_outside = false;
  (void)!read(front->wakes_fd, &ignored, sizeof ignored);
}

static void stand_in(mkt_server *server) {
  mkt_front *front = &server->front;
  const uint64_t visits = front->visits;
  mkt_wait wait;
  do {
    take_turn(server, &wait);
    if (is_left_alone(front, visits)) wait_outside(front, &wait);
  } while (is_left_alone(front, visits));
}

static void *run_front(void *cls) {
  mkt_server *server = cls;
  mkt_front *front = &server->front;
  (void)pthread_mutex_lock(&front->lock);
  while (!front->is_over) {
    if (is_owner_here(front)) {
      rest(front);
    } else if (is_patience_over(front)) {
      stand_in(server);
    }
  }
  (void)pthread_mutex_unlock(&front->lock);
  return NULL;
}

/* Starting and stopping */

static void init_locks(mkt_front *front) {
  (void)pthread_mutex_init(&front->lock, NULL);
  mkt_condition_init(&front->is_awaited);
  (void)pthread_cond_init(&front->is_free, NULL);
}

static void destroy_locks(mkt_front *front) {
  (void)pthread_cond_destroy(&front->is_free);
  (void)pthread_cond_destroy(&front->is_awaited);
  (void)pthread_mutex_destroy(&front->lock);
  (void)close(front->wakes_fd);
}

static mkt_code fail_to_start(int why, mkt_error *error) {
  return mkt_fail(error, MKT_ERR_LISTEN_FAILED, "cannot start a thread for the sockets: %s",
                  strerror(why));
}

mkt_code mkt_front_start(mkt_server *server, mkt_error *error) {
  mkt_front *front = &server->front;
  front->wakes_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (front->wakes_fd < 0) return fail_to_start(errno, error);
  init_locks(front);
  int failed = mkt_thread_start(&front->thread, run_front, server);
  if (failed != 0) {
    destroy_locks(front);
    return fail_to_start(failed, error);
  }
  return MKT_OK;
}

static void wake(const mkt_front *front) {
  const uint64_t one = 1;
  (void)!write(front->wakes_fd, &one, sizeof one);
}

void mkt_front_stop(mkt_front *front) {
  (void)pthread_mutex_lock(&front->lock);
  front->is_over = true;
  (void)pthread_cond_signal(&front->is_awaited);
  (void)pthread_mutex_unlock(&front->lock);
  wake(front);
  (void)pthread_join(front->thread, NULL);
  destroy_locks(front);
}

/* The owner's turns */

void mkt_front_owner_enters(mkt_front *front) {
  (void)pthread_mutex_lock(&front->lock);
  front->is_wanted = true;
  while (front->turn == MKT_TURN_FRONTS)
    (void)pthread_cond_wait(&front->is_free, &front->lock);
  front->is_wanted = false;
  front->turn = MKT_TURN_OWNERS;
  front->visits++;
  bool is_outside = front->is_outside;
  (void)pthread_mutex_unlock(&front->lock);
  if (is_outside) wake(front);
}

void mkt_front_owner_leaves(mkt_front *front) {
  (void)pthread_mutex_lock(&front->lock);
  front->turn = MKT_TURN_NOBODYS;
  bool is_resting = front->is_resting;
  (void)pthread_mutex_unlock(&front->lock);
  if (is_resting) (void)pthread_cond_signal(&front->is_awaited);
}
