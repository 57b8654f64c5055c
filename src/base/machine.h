/* What this machine has. */
#ifndef BASE_MACHINE_H
#define BASE_MACHINE_H

#include <stdint.h>

/* Processors that are in use, 1 to `most`. */
int machine_processors(int most);

/* Bytes of memory; 4 GiB where that cannot be told. */
uint64_t machine_memory(void);

#endif
