/*
 * A network on paper and values for its parameters, on the host: what a model of another program becomes on its way to
 * one of ours.
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

/* As a model file. Pictures of 32 x 32 are taken to have had 28 x 28 before their border, as MNIST's. */
int drawing_save(const drawing *d, const settings *s, const char *to);

/* "3 x 3 x 8 x 16", for messages. */
void drawing_dims(char *text, size_t size, const size_t dims[], int rank);

#endif
