/* A hash of the kernels that a tuning affects, in a few digits. */
#ifndef COMPUTE_TUNED_SOURCES_H
#define COMPUTE_TUNED_SOURCES_H

enum { TUNED_SOURCES_DIGITS = 16 };

/* Over every cl/x.cl whose text, includes expanded, contains a tunable's macro. */
int tuned_sources_hash(char digits[TUNED_SOURCES_DIGITS + 1]);

#endif
