/*
 * What convolutions read and write: one tensor, or two side by side on channels, so that nobody has
 * to copy a concatenation. What is read may still have a batch norm to be finished on the way
 * (tensor.pending). cl/view.h is the other half.
 */
#ifndef LAYERS_VIEWS_H
#define LAYERS_VIEWS_H

#include "device/kernel.h"
#include "nn/layer.h"

typedef struct view {
    struct view_part {
        cl_mem data, moments; /* (n, h, w, channels); (4, channels) as batch_norm keeps them */
        int channels;         /* 0: there is no second part */
        float slope;          /* of the pending activation below zero; negative: nothing pending */
    } a, b;
} view;

typedef struct sink {
    struct sink_part {
        cl_mem data;
        int channels;
        int adds; /* to what stands there */
    } a, b;
} sink;

/* Plain memory. */
view view_of(cl_mem data, int channels);
sink sink_of(cl_mem data, int channels, int adds);

/* What the layer reads (one tensor or two), and their gradients. */
view view_of_inputs(const layer *l);
sink sink_of_gradients(const layer *l);

/* As cl/view.h declares them. */
#define PART_ARGS(p) ARG((p).data), ARG((p).moments), ARG((p).channels), ARG((p).slope)
#define VIEW_ARGS(v) PART_ARGS((v).a), PART_ARGS((v).b)
#define SINK_ARGS(s)                                                                               \
    ARG((s).a.data), ARG((s).a.channels), ARG((s).a.adds), ARG((s).b.data), ARG((s).b.channels),   \
        ARG((s).b.adds)

#endif
