/* poll_until.h: waiting for a descriptor until a moment of the monotonic clock (clock.h). */
#ifndef MKT_POLL_UNTIL_H
#define MKT_POLL_UNTIL_H

/* Milliseconds until then, rounded up: else the last one would be spent looking again and again. 0
 * if it has passed. */
int mkt_milliseconds_until(double moment);

/* Waits until the descriptor is ready for one of poll's events, whatever signals come: 1, 0 if the
 * moment has passed, or -1 and errno. */
int mkt_poll_until(int fd, short events, double moment);

#endif
