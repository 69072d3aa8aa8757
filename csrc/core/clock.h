/* clock.h: the two clocks of the machine, in seconds. */
#ifndef MKT_CLOCK_H
#define MKT_CLOCK_H

#include <stdint.h>

/* Since 1970-01-01T00:00:00Z; steps when the machine's clock is set. */
double mkt_clock_wall(void);

/* Since some point in the past; never steps. For measuring how long something took. A signal
 * handler may call it. */
double mkt_clock_monotonic(void);

/* The same clock in whole milliseconds. */
uint64_t mkt_clock_milliseconds(void);

#endif
