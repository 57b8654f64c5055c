#include "models/network.h"

#include "base/error.h"
#include "base/memory.h"
#include "layers/layers.h"
#include <stdlib.h>

static int (*const builders[ARCHITECTURES])(network *n, const struct model_config *c) = {
#define ARCHITECTURE(symbol, name) [ARCHITECTURE_##symbol] = symbol##_build,
#include "config/architectures.def"
#undef ARCHITECTURE
};

static int build(network *n, const settings *s)
{
    return builders[s->stages[0].architecture](n, &s->stages[0]);
}

static int add_losses(network *n)
{
    static const char *const truths[] = {"truth_a", "truth_b"}, *const losses[] = {"loss_a",
                                                                                   "loss_b"};
    for (int i = 0; i < SOURCES; i++) {
        n->truths[i] = graph_input(n->graph, truths[i], n->outputs[i]->shape);
        n->losses[i] = mse(n->graph, losses[i], n->outputs[i], n->truths[i]);
        if (!n->losses[i])
            return -1;
        n->losses[i]->is_output = true;
    }
    return 0;
}

static const char *const whole_names[] = {"mixtures", "outputs a", "outputs b"};

/* The tensors that callers see hold the whole batch; those of the graph a slice. */
static void hand_out_whole(network *n)
{
    n->inner[0] = n->mixture;
    for (int i = 0; i < SOURCES; i++)
        n->inner[1 + i] = n->outputs[i];
    if (n->slice == n->batch)
        return;
    for (int i = 0; i < 1 + SOURCES; i++) {
        n->whole[i] = *n->inner[i];
        n->whole[i].shape.n = n->batch;
        n->whole[i].producer = NULL;
        n->whole[i].data = NULL;
    }
    n->mixture = &n->whole[0];
    for (int i = 0; i < SOURCES; i++)
        n->outputs[i] = &n->whole[1 + i];
}

int network_new_custom(network **out, params *p, const settings *s, shape mixture,
                       enum network_use use, struct plan_options options)
{
    network *n = allocate(1, sizeof *n);
    if (!n)
        return -1;
    n->params = p;
    n->batch = n->slice = mixture.n;
    bool on_cpu = p->device && p->device->kernels == KERNELS_VECTOR;
    if (use == NETWORK_INFER && on_cpu && n->batch >= NETWORK_SLICED_BATCH)
        n->slice = mixture.n = NETWORK_SLICE;
    if (graph_new(&n->graph, p) || !(n->mixture = graph_input(n->graph, "mixture", mixture)) ||
        build(n, s))
        goto failed;
    for (int i = 0; i < SOURCES; i++)
        n->outputs[i]->is_output = true;
    if (use == NETWORK_TRAIN && add_losses(n))
        goto failed;
    options.training = use == NETWORK_TRAIN;
    if (plan_new(&n->plan, n->graph, options))
        goto failed;
    hand_out_whole(n);
    *out = n;
    return 0;
failed:
    network_free(n);
    return -1;
}

int network_new(network **out, params *p, const settings *s, int batch, enum network_use use)
{
    shape mixture = {batch, IMAGE_SIZE, IMAGE_SIZE, 1};
    return network_new_custom(out, p, s, mixture, use, (struct plan_options){0});
}

int network_prepare(network *n)
{
    device *d = n->params->device;
    for (int i = 0; n->slice < n->batch && i < 1 + SOURCES; i++)
        if (buffer_new(d, shape_count(n->whole[i].shape) * sizeof(float), whole_names[i],
                       &n->whole[i].data))
            return -1;
    return plan_prepare(n->plan, d);
}

int network_forward(network *n)
{
    device *d = n->params->device;
    size_t image = shape_count(n->inner[0]->shape) / (size_t)n->slice * sizeof(float);
    if (n->slice == n->batch)
        return plan_forward(n->plan);
    for (int first = 0; first < n->batch; first += n->slice) {
        int count = n->batch - first < n->slice ? n->batch - first : n->slice;
        size_t offset = (size_t)first * image, length = (size_t)count * image;
        if (buffer_copy(d, n->mixture->data, offset, n->inner[0]->data, 0, length) ||
            plan_forward(n->plan))
            return -1;
        for (int i = 0; i < SOURCES; i++)
            if (buffer_copy(d, n->inner[1 + i]->data, 0, n->outputs[i]->data, offset, length))
                return -1;
    }
    return 0;
}

void network_free(network *n)
{
    if (!n)
        return;
    for (int i = 0; i < 1 + SOURCES; i++)
        buffer_free(n->params->device, &n->whole[i].data);
    plan_free(n->plan);
    graph_free(n->graph);
    free(n);
}
