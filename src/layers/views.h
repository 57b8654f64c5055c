/*
 * What convolutions read and write: one tensor, or two side by side on channels, so that nobody has
 * to copy a concatenation. What is read may be the output that a batch norm has deferred (deferred.h).
 * cl/view.h is the other half.
 */
#ifndef LAYERS_VIEWS_H
#define LAYERS_VIEWS_H

#include "../cl/view_layout.h"
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
        int adds; /* to what is there */
    } a, b;
} sink;

/* Plain memory. */
view view_of(cl_mem data, int channels);
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
#define SINK_ARGS(s)                                                                               \
    ARG((s).a.data), ARG((s).b.data),                                                              \
        STRUCT(sink_layout,                                                                        \
               ((sink_layout){(s).a.channels, (s).a.adds, (s).b.channels, (s).b.adds}))

#endif
