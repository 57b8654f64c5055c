#include "models/network.h"

#include "base/error.h"
#include "base/memory.h"
#include "layers/layers.h"
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int (*build)(network *n, const settings *s);
} architectures[] = {{"unet", unet_build}, {"unet-transformer", unet_transformer_build}};

static int build(network *n, const settings *s)
{
    const char *wanted = settings_text(s, "model.architecture");
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (!strcmp(architectures[i].name, wanted))
            return architectures[i].build(n, s);
    return fail(STATUS_USAGE, "model.architecture = %s: there is no such architecture", wanted);
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

int network_new_custom(network **out, params *p, const settings *s, shape mixture,
                       enum network_use use, struct plan_options options)
{
    network *n = allocate(1, sizeof *n);
    if (!n)
        return -1;
    n->params = p;
    n->batch = mixture.n;
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
    return plan_prepare(n->plan, n->params->device);
}

void network_free(network *n)
{
    if (!n)
        return;
    plan_free(n->plan);
    graph_free(n->graph);
    free(n);
}
