/*
 * A network without a device, and host values for its parameters: the intermediate form when converting models of other
 * programs.
 *
 *     drawing d;
 *     if (drawing_make(&d, settings)) ...
 *     memcpy(drawing_values(&d, d.params->items[0]), ...);
 *     drawing_save(&d, settings, "model.safetensors");
 *     drawing_erase(&d);
 */
#ifndef CONVERT_DRAWING_H
#define CONVERT_DRAWING_H

#include "models/model_file.h"
#include "models/network.h"

typedef struct drawing {
    params *params;
    network *network;
    float **values; /* (params), of each (count) */
} drawing;

/* To be erased also after a failure. */
int drawing_make(drawing *out, const settings *s);
void drawing_erase(drawing *d);

float *drawing_values(const drawing *d, const param *p);

/* The values of a model of ours. STATUS_DATA if one is missing. */
int drawing_read(const drawing *d, const safetensors *from);

/* STATUS_DATA, naming the file they are from, for values that nothing can be computed with: not finite, or a negative
 * variance. */
int drawing_check(const drawing *d, const char *from);

/* Saves a model file. For 32 x 32, the pictures are assumed to have been 28 x 28 with a border, as MNIST's. */
int drawing_save(const drawing *d, const settings *s, const char *to);

/* "3 x 3 x 8 x 16", for messages. */
void drawing_dims(char *text, size_t size, const size_t dims[], int rank);

#endif
