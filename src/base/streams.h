/* Which random stream is used for what; every seed has all of them, independent of each other. */
#ifndef BASE_STREAMS_H
#define BASE_STREAMS_H

enum stream {
    STREAM_SPLIT_1 = 1, /* shuffles the first source's images before the validation split, */
    STREAM_SPLIT_2 = 2, /* and so on */
    STREAM_SPLIT_3 = 10,
    STREAM_SPLIT_4 = 11,
    STREAM_TRAIN = 3,          /* pairs of training batches */
    STREAM_VALIDATION = 4,     /* pairs of validation batches */
    STREAM_EVALUATE = 5,       /* pairs of `evaluate`, one run's behind the other's */
    STREAM_MIX = 6,            /* pairs of `mix` */
    STREAM_CHECK = 7,          /* inputs of selftest and tests */
    STREAM_SEARCH = 8,         /* values of a search's trials */
    STREAM_BENCH = 9,          /* inputs of `bench` and `tune` */
    STREAM_DROPOUT = 0x100000, /* layer i draws step s from (STREAM_DROPOUT + i) * 2^32 + s */
    STREAM_WEIGHTS = 0x1000    /* initial values: param i draws from STREAM_WEIGHTS + i */
};

#endif
