/* thread.h: threads of our own beside those of the host program. */
#ifndef MKT_THREAD_H
#define MKT_THREAD_H

#include <pthread.h>
#include <time.h>

/* Starts a thread that takes no signals: a handler must run in one of the host's threads, whose
 * waiting it interrupts. The caller joins or detaches it. 0, or what pthread_create failed with. */
int mkt_thread_start(pthread_t *thread, void *(*run)(void *), void *of);

/* A condition whose deadlines are of the monotonic clock. */
void mkt_condition_init(pthread_cond_t *condition);

/* Such a deadline, so long from now. */
struct timespec mkt_deadline_in(int milliseconds);

#endif
