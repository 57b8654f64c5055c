/*
 * What convolutions read and write: one tensor, or two side by side on channels, so that nobody has
 * to copy a concatenation. What is read may be the output that a batch norm has deferred (deferred.h).
 * cl/view.h is the other half.
 */
#ifndef LAYERS_VIEWS_H
#define LAYERS_VIEWS_H

#include "layers/deferred.h"

typedef struct view {
    struct view_part {
        cl_mem data, moments; /* (n, h, w, channels); moments and slope as in deferred_output */
        int channels;         /* 0: there is no second part */
        float slope;
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
