/*
 * What convolutions read and write: one tensor, or two side by side on channels, so that nobody has
 * to copy a concatenation. What is read may still have a batch norm to be finished on the way
 * (tensor.pending). cl/view.h is the other half.
 */
#ifndef LAYERS_VIEWS_H
#define LAYERS_VIEWS_H

#include "../cl/view_layout.h"
#include "nn/layer.h"
#include "opencl/kernel.h"

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

/* A gradient that a batch norm has left to be finished (tensor.pending_gradient), in place, by who
 * reads it first; cl/gradients.h is the other half. */
typedef struct gradient_view {
    cl_mem g;                         /* (n, h, w, channels) */
    cl_mem x, moments, dgamma, dbeta; /* the norm's */
    float slope; /* of its activation below zero; negative: nothing is to be finished */
    float part;  /* 1 / pixels */
} gradient_view;

/* That of the layer's output. */
gradient_view gradient_of_output(const layer *l);

/* Plain memory. */
view view_of(cl_mem data, int channels);
gradient_view gradient_view_of(cl_mem g);
sink sink_of(cl_mem data, int channels, int adds);

/* What the layer reads (one tensor or two), and their gradients. */
view view_of_inputs(const layer *l);
sink sink_of_gradients(const layer *l);

/* As cl/view.h declares them; of a part alone its four. */
#define PART_ARGS(p) ARG((p).data), ARG((p).moments), ARG((p).channels), ARG((p).slope)
#define VIEW_ARGS(v)                                                                               \
    ARG((v).a.data), ARG((v).a.moments), ARG((v).b.data), ARG((v).b.moments),                      \
        STRUCT(view_layout,                                                                        \
               ((view_layout){(v).a.channels, (v).a.slope, (v).b.channels, (v).b.slope}))
#define GRADIENTS_ARGS(v)                                                                          \
    ARG((v).g), ARG((v).x), ARG((v).moments), ARG((v).dgamma), ARG((v).dbeta), ARG((v).slope),     \
        ARG((v).part)
#define SINK_ARGS(s)                                                                               \
    ARG((s).a.data), ARG((s).b.data),                                                              \
        STRUCT(sink_layout,                                                                        \
               ((sink_layout){(s).a.channels, (s).a.adds, (s).b.channels, (s).b.adds}))

#endif
