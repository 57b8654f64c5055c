/*
 * What may be chosen freely for a device: sizes that change how fast kernels run, never what they
 * compute beyond rounding. A device starts with its class's defaults; `unblend tune` finds better
 * ones, and a profile (compute/profile.h) keeps them. compute/tunables.h lists them all.
 */
#ifndef OPENCL_TUNING_H
#define OPENCL_TUNING_H

#include <stdbool.h>

enum { XGEMM_PARAMETERS = 16, XGEMM_DIRECT_PARAMETERS = 10 };

typedef struct tuning {
    /* Vector kernels (CPUs). */
    int vectors;           /* vectors of 16 channels in a register tile, 1 or 2 */
    int tile;              /* pixels, or rows of a matrix, in a register tile */
    int winograd_channels; /* 3 x 3 convolutions are Winograd's from so many channels on both sides;
                              0: never */
    int winograd_tiles;    /* tiles that a work-item takes at a time, */
    int gradient_tiles;    /* and for the weight gradient */
    int weight_chunks;     /* work-items of Winograd's weight gradient for each compute unit */
    int fetch;             /* 1: what is needed soon is fetched ahead (cl/fetch.h) */
    /* Tiled kernels (GPUs): cl/convolution_tiled.cl. */
    int rows, columns; /* of the results that a work-group computes; columns: of outputs with more
                          than 16 channels */
    int depth;         /* values of the inner dimension that it holds in local memory */
    /* CLBlast's parameters, in the order of compute/tunables.c; all 0: CLBlast's own. */
    int xgemm[XGEMM_PARAMETERS], xgemm_direct[XGEMM_DIRECT_PARAMETERS];
} tuning;

/* What a plan without a device assumes. */
extern const tuning tuning_default;

typedef struct tuning_class {
    const char *key;  /* as device.class takes it: "cpu16" */
    const char *name; /* "CPU with vectors of 16 floats" */
    bool cpu;
    unsigned vector_width; /* of CPUs: floats in a vector, at least */
    tuning values;
} tuning_class;

/* vector_width: CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, which counts for CPUs. */
const tuning_class *tuning_class_of(bool cpu, unsigned vector_width);

/* NULL if no class has this key ("auto" is none). */
const tuning_class *tuning_class_named(const char *key);

#endif
