/* The kernels that a tuning makes a difference to, in a few digits: they change when the kernels
 * do. */
#ifndef COMPUTE_TUNED_SOURCES_H
#define COMPUTE_TUNED_SOURCES_H

enum { TUNED_SOURCES_DIGITS = 16 };

/* Of every cl/x.cl in whose text, with all that it includes, a tunable's macro stands. */
int tuned_sources_hash(char digits[TUNED_SOURCES_DIGITS + 1]);

#endif
