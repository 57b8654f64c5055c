#include "models/network.h"

#include "base/memory.h"
#include "layers/assigner.h"
#include "layers/layers.h"
#include "models/architecture.h"
#include "models/label.h"
#include "models/objective.h"
#include <stdlib.h>

/* ---- The chain of stages ---- */

static architecture_build *const architectures[ARCHITECTURES] = {
#define ARCHITECTURE(symbol, name) symbol##_build,
#include "config/architectures.def"
#undef ARCHITECTURE
};

const char *network_architecture(size_t i)
{
    static const char *const names[ARCHITECTURES] = {
#define ARCHITECTURE(symbol, name) name,
#include "config/architectures.def"
#undef ARCHITECTURE
    };
    return i < ARCHITECTURES ? names[i] : NULL;
}

static tensor *stage_input(network *n, const stage *s, tensor *previous)
{
    switch (s->config->reads) {
    case READS_MIXTURE:
        return n->input;
    case READS_PREVIOUS:
        return previous;
    case READS_BOTH:
        break;
    }
    return concat(n->graph, label_of(s->prefix, "input").text, n->input, previous);
}

/* The nearest sources that blend to the mixture. */
static tensor *blend_to_mixture(network *n, label name, tensor *x)
{
    int sources = n->mixture.sources;
    float weights[SOURCES_MAX];
    for (int k = 0; k < sources; k++)
        weights[k] = mixture_weight(&n->mixture, k);
    return consistent(n->graph, name.text, x, n->input, sources, weights);
}

static int build_stages(network *n, const settings *c, bool project)
{
    tensor *x = n->input;
    for (int i = 0; i < c->stage_count; i++) {
        label section = i ? label_of("stage.", "%d", i + 1) : label_of("", "model"),
              prefix = i ? label_of("stage", "%d/", i + 1) : (label){""};
        stage s = {section.text, prefix.text, &c->stages[i], n->mixture.sources,
                   n->mixture.format.channels};
        x = architectures[s.config->architecture](n->graph, &s, i ? stage_input(n, &s, x) : x);
        if (s.config->consistent)
            x = blend_to_mixture(n, label_of(s.prefix, "consistent"), x);
        if (!x)
            return -1;
    }
    if (project && !c->stages[c->stage_count - 1].consistent)
        x = blend_to_mixture(n, label_of("", "projection"), x);
    if (!x)
        return -1;
    n->output = x;
    n->output->is_output = true;
    return 0;
}

static int build_objective(network *n, const settings *c)
{
    n->truth = graph_input(n->graph, "truth", n->output->shape);
    n->losses = objective_layers(n->graph, &c->train, n->mixture.sources, n->output, n->truth);
    if (!n->losses)
        return -1;
    n->losses->is_output = true;
    return 0;
}

/* ---- Networks ---- */

static const char *const whole_names[] = {"mixtures", "outputs"};

/* The tensors that callers see hold the whole batch; those of the graph a slice. */
static void hand_out_whole(network *n)
{
    n->inner[0] = n->input;
    n->inner[1] = n->output;
    if (n->slice == n->batch)
        return;
    for (int i = 0; i < 2; i++) {
        n->whole[i] = *n->inner[i];
        n->whole[i].shape.n = n->batch;
        n->whole[i].producer = NULL;
        n->whole[i].data = NULL;
    }
    n->input = &n->whole[0];
    n->output = &n->whole[1];
}

static int network_of(network **out, params *p, const settings *c, struct image_format f, int batch,
                      enum network_use use, struct plan_options options)
{
    network *n = allocate(1, sizeof *n);
    if (!n)
        return -1;
    n->params = p;
    n->mixture = c->data.mixture;
    n->mixture.format = f;
    n->any_order = c->train.objective == OBJECTIVE_PERMUTATION;
    n->batch = n->slice = batch;
    bool on_cpu = p->device && p->device->kernels == KERNELS_VECTOR;
    if (use != NETWORK_TRAIN && on_cpu && n->batch >= NETWORK_SLICED_BATCH)
        n->slice = NETWORK_SLICE;
    shape blend = {n->slice, f.height, f.width, f.channels};
    if (graph_new(&n->graph, p) || !(n->input = graph_input(n->graph, "mixture", blend)) ||
        build_stages(n, c, use == NETWORK_PROJECT) ||
        (use == NETWORK_TRAIN && build_objective(n, c)))
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

int network_new_planned(network **out, params *p, const settings *c, int batch,
                        enum network_use use, struct plan_options options)
{
    return network_of(out, p, c, c->data.mixture.format, batch, use, options);
}

int network_new_sized(network **out, params *p, const settings *c, int height, int width, int batch,
                      enum network_use use)
{
    struct image_format f = {height, width, c->data.mixture.format.channels};
    return network_of(out, p, c, f, batch, use, (struct plan_options){0});
}

int network_reach(const network *n, reach *out)
{
    return graph_reach(n->graph, n->inner[0], n->inner[1], out);
}

int network_new(network **out, params *p, const settings *c, int batch, enum network_use use)
{
    return network_new_planned(out, p, c, batch, use, (struct plan_options){0});
}

int network_prepare(network *n)
{
    device *d = n->params->device;
    for (int i = 0; n->slice < n->batch && i < 2; i++)
        if (buffer_new(d, shape_count(n->whole[i].shape) * sizeof(float), whole_names[i],
                       &n->whole[i].data))
            return -1;
    return plan_prepare(n->plan, d);
}

int network_forward(network *n)
{
    device *d = n->params->device;
    if (n->slice == n->batch)
        return plan_forward(n->plan);
    size_t in = shape_count(n->inner[0]->shape) / (size_t)n->slice * sizeof(float),
           out = shape_count(n->inner[1]->shape) / (size_t)n->slice * sizeof(float);
    for (int first = 0; first < n->batch; first += n->slice) {
        size_t count = (size_t)(n->batch - first < n->slice ? n->batch - first : n->slice);
        if (buffer_copy(d, n->input->data, (size_t)first * in, n->inner[0]->data, 0, count * in) ||
            plan_forward(n->plan) ||
            buffer_copy(d, n->inner[1]->data, 0, n->output->data, (size_t)first * out, count * out))
            return -1;
    }
    return 0;
}

/* ---- Orders of sources ---- */

struct arrangement {
    assigner assigner;
    cl_mem scratch;
};

static int make_arrangement(network *n)
{
    device *d = n->params->device;
    shape s = n->output->shape;
    int sources = n->mixture.sources;
    struct arrangement *a = allocate(1, sizeof *a);
    if (!a || assigner_prepare(&a->assigner, d, s, sources) ||
        buffer_new(d, assigner_scratch_bytes(s, sources), "errors of sources", &a->scratch)) {
        free(a);
        return -1;
    }
    n->arrangement = a;
    return 0;
}

int network_arrange(network *n, cl_mem truth)
{
    if (!n->any_order)
        return 0;
    if (!n->arrangement && make_arrangement(n))
        return -1;
    return assigner_run(&n->arrangement->assigner, n->params->device, n->output->data, truth, truth,
                        n->arrangement->scratch);
}

/* ---- The end ---- */

void network_free(network *n)
{
    if (!n)
        return;
    if (n->arrangement)
        buffer_free(n->params->device, &n->arrangement->scratch);
    free(n->arrangement);
    for (int i = 0; i < 2; i++)
        buffer_free(n->params->device, &n->whole[i].data);
    plan_free(n->plan);
    graph_free(n->graph);
    free(n);
}
