/*
 * What a batch norm with a piecewise linear activation leaves to its neighbours, so that neither its
 * output nor its input's gradient takes a pass over memory of its own. It only sums:
 *
 *   forward     conv ---x---> [batch_norm] ............> conv, pool
 *                       |      sums of x: moments            loads x, computes act(x * scale + shift)
 *                       |              |                     of each value
 *                       +--------------+-------------------> (deferred_output)
 *
 *   backward    conv <........ [batch_norm] <-----g----- conv, pool
 *               finishes g     sums of g, g * x:     |
 *               in place,      dbeta, dgamma         |
 *               then uses it         |               |
 *               <--------------------+---------------+   (deferred_gradient)
 *
 * The plan decides where (nn/fuse.h). y has no memory of its own then: it lies in x's. dx lies in g's.
 * cl/view.h and cl/gradients.h are the other half.
 */
#ifndef LAYERS_DEFERRED_H
#define LAYERS_DEFERRED_H

#include "nn/layer.h"
#include "opencl/kernel.h"

/* In a batch norm's shape(): what the plan may defer of it. */
void deferred_allow(layer *norm);

/* How readers of t finish its values: act(x * scale + shift), act(x) = x < 0 ? slope * x : x. */
typedef struct deferred_output {
    cl_mem
        moments; /* (4, channels) as batch_norm keeps them; t's own data where nothing is deferred */
    float slope; /* negative: nothing is deferred */
} deferred_output;
deferred_output deferred_output_of(const tensor *t);

/* A gradient that is to be finished, in place, by whoever reads it first. */
typedef struct gradient_view {
    cl_mem g;                         /* (n, h, w, channels) */
    cl_mem x, moments, dgamma, dbeta; /* the norm's */
    float slope; /* of its activation below zero; negative: nothing is to be finished */
    float part;  /* 1 / pixels */
} gradient_view;

/* That of the layer's output; plain memory. */
gradient_view gradient_of_output(const layer *l);
gradient_view gradient_view_of(cl_mem g);

/* As cl/gradients.h declares them. */
#define GRADIENTS_ARGS(v)                                                                          \
    ARG((v).g), ARG((v).x), ARG((v).moments), ARG((v).dgamma), ARG((v).dbeta), ARG((v).slope),     \
        ARG((v).part)

#endif
