/*
 * A graph: layers in the order they were added, which is an order they can run in.
 *
 *     graph_new(&g, params);
 *     tensor *x = graph_input(g, "x", (shape){32, 32, 32, 1});
 *     tensor *y = graph_add(g, &conv2d_layer, "encoder1/conv1", &options, (tensor *[]){x}, 1);
 *
 * Builders use the typed helpers of layers/layers.h. Tensors and layers belong to the graph; params
 * do not, and may serve several graphs.
 */
#ifndef NN_GRAPH_H
#define NN_GRAPH_H

#include "nn/layer.h"

typedef struct graph {
    params *params;
    layer **layers;
    size_t layer_count, layer_capacity;
    tensor **tensors;
    size_t tensor_count, tensor_capacity;
    bool failed; /* an addition failed; the message is recorded */
} graph;

int graph_new(graph **out, params *p);
void graph_free(graph *g);

/*
 * Both return NULL on failure. A NULL among the inputs means that an earlier addition failed: the
 * result is NULL again, so a builder adds all its layers and checks only the last tensor.
 */
tensor *graph_input(graph *g, const char *name, shape s);
tensor *graph_add(graph *g, const layer_type *type, const char *name, const void *options,
                  tensor *const *inputs, int count);

/* Does l alone read t, and once? As the plan has it (layer.reads). */
bool graph_is_only_reader(const graph *g, const layer *l, const tensor *t);

/* The tensor of that name, or NULL. A layer's output is named as the layer. */
tensor *graph_find(const graph *g, const char *tensor_name);

#endif
