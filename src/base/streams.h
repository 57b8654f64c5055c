/*
 * Which random stream is used for what. Every seed has all of them, independent of each other.
 *
 * Streams of the pairs, splits and checks have the numbers below. What belongs to a parameter or a
 * layer is drawn from a stream of its name, so that adding another changes nothing for the others:
 *
 *     rng random = rng_start(seed, stream_of_name(STREAM_WEIGHTS, "encoder1/conv1/kernel"));
 */
#ifndef BASE_STREAMS_H
#define BASE_STREAMS_H

#include <stdint.h>

enum stream {
    STREAM_SPLIT_1 = 1, /* shuffles the first source's images before the validation split, */
    STREAM_SPLIT_2 = 2, /* and so on */
    STREAM_SPLIT_3 = 12,
    STREAM_SPLIT_4 = 13,
    STREAM_TRAIN = 3,      /* pairs of training batches */
    STREAM_VALIDATION = 4, /* pairs of validation batches */
    STREAM_EVALUATE = 5,   /* pairs of `evaluate`, one run's behind the other's */
    STREAM_MIX = 6,        /* pairs of `mix` */
    STREAM_CHECK = 7,      /* inputs of selftest and tests */
    STREAM_SEARCH = 8,     /* values of a search's trials */
    STREAM_BENCH = 9,      /* inputs of `bench` and `tune` */
    STREAM_DROPOUT = 10,   /* by name of the layer: step s draws from the name's stream + s */
    STREAM_WEIGHTS = 11,   /* by name of the param: its initial values */
    STREAM_PARTS = 14      /* by name of a picture's file: which part of the data it belongs to */
};

/* The stream that a name has for a purpose: FNV-1a of both, 64 bits. */
uint64_t stream_of_name(enum stream purpose, const char *name);

#endif
