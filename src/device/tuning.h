/*
 * What may be chosen freely for a device: sizes that change how fast kernels run, never what they
 * compute beyond rounding. A device starts with its class's defaults.
 */
#ifndef DEVICE_TUNING_H
#define DEVICE_TUNING_H

/* Vector kernels (CPUs). */
typedef struct tuning {
    int vectors;           /* vectors of 16 channels in a register tile, 1 or 2 */
    int tile;              /* pixels, or rows of a matrix, in a register tile */
    int winograd_channels; /* 3 x 3 convolutions are Winograd's from so many channels on both sides */
    int winograd_tiles;    /* tiles that a work-item takes at a time, */
    int gradient_tiles;    /* and for the weight gradient */
    int weight_chunks;     /* partial sums of a weight gradient for each compute unit */
} tuning;

/* AVX-512, and what a plan without a device reckons with. */
extern const tuning tuning_default;

#endif
