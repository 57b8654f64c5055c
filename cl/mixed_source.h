/* What the mixer (mixer.cl) has to know of a source; one text for host and kernel. */
#ifndef MIXED_SOURCE_H
#define MIXED_SOURCE_H

typedef struct mixed_source {
    int height, width; /* of its pictures */
    int first, count;  /* which of them are drawn from */
    int shift;         /* moved by up to so many pixels, each way */
    int flip;          /* half of them are mirrored, left to right */
    float weight;      /* in the blend */
    float clean;       /* share of blends that are this source alone */
} mixed_source;

#endif
