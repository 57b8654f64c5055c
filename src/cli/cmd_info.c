/* unblend info MODEL|CONFIG: layers, parameters and memory. All on paper: no device is needed. */
#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "models/network.h"
#include "nn/cost.h"
#include "nn/summary.h"
#include <stdlib.h>

typedef struct drawing {
    params *params;
    network *inference, *training; /* at the config's batch */
} drawing;

static int draw(drawing *d, const settings *s)
{
    int batch = s->train.batch;
    return params_new(&d->params, NULL) ||
                   network_new(&d->inference, d->params, s, batch, NETWORK_INFER) ||
                   network_new(&d->training, d->params, s, batch, NETWORK_TRAIN)
               ? -1
               : 0;
}

static void erase(drawing *d)
{
    network_free(d->inference);
    network_free(d->training);
    params_free(d->params);
}

/* A model file whose config describes another network than its tensors. */
static int check_values(const char *path, const safetensors *file, const params *p)
{
    size_t stored = 0;
    for (size_t i = 0; i < safetensors_count(file); i++)
        stored += stored_elements(safetensors_at(file, i));
    return stored == params_total(p)
               ? 0
               : fail(STATUS_DATA,
                      "%s: holds %zu parameters, but the network that its config describes has %zu",
                      path, stored, params_total(p));
}

/* Floating-point operations for each image: cost.h. */
static double flops_of(const network *n)
{
    return cost_plan(n->plan).flops / n->slice;
}

static void print_memory(const char *what, const network *n)
{
    printf("%-10s  %9.1f MiB planned  %9.1f MiB if no buffer were shared  (batch of %d)\n", what,
           (double)n->plan->planned_bytes / 1048576, (double)n->plan->separate_bytes / 1048576,
           n->batch);
}

static int print_text(const drawing *d)
{
    char total[32], trainable[32];
    if (summary_print(d->inference->plan, stdout))
        return -1;
    printf("\nparameters  %s, of which trainable %s (%.1f MiB)\n",
           summary_count(params_total(d->params), total, sizeof total),
           summary_count(params_trainable(d->params), trainable, sizeof trainable),
           (double)params_total(d->params) * sizeof(float) / 1048576);
    printf("operations  %.4g GFLOP an image to infer, %.4g to train\n",
           flops_of(d->inference) / 1e9, flops_of(d->training) / 1e9);
    print_memory("inference", d->inference);
    if (d->inference->batch >= NETWORK_SLICED_BATCH)
        printf("            on a CPU as for a batch of %d: larger ones are inferred in slices\n",
               NETWORK_SLICE);
    print_memory("training", d->training);
    return 0;
}

static json_t *use_as_json(const network *n)
{
    return json_pack("{s:i, s:f, s:I, s:I}", "batch", n->batch, "flops_per_image", flops_of(n),
                     "planned_bytes", (json_int_t)n->plan->planned_bytes, "separate_bytes",
                     (json_int_t)n->plan->separate_bytes);
}

static json_t *layers_as_json(const plan *p)
{
    summary_row *rows = summary_rows(p);
    json_t *layers = rows ? json_array() : NULL;
    int broken = !layers;
    for (size_t i = 0; !broken && i < p->graph->layer_count; i++) {
        const summary_row *r = &rows[i];
        broken = json_array_append_new(
            layers, json_pack("{s:s, s:s, s:[i, i, i, i], s:I, s:i, s:I}", "name", r->name, "type",
                              r->type, "output", r->output.n, r->output.h, r->output.w, r->output.c,
                              "parameters", (json_int_t)r->parameters, "buffer", r->buffer, "bytes",
                              (json_int_t)r->bytes));
    }
    free(rows);
    if (broken)
        json_decref(layers);
    return broken ? NULL : layers;
}

static int print_document(const drawing *d, const settings *s)
{
    char *config = settings_ini(s);
    json_t *document = config ? json_pack("{s:o, s:I, s:I, s:o, s:o, s:o}", "layers",
                                          layers_as_json(d->inference->plan), "parameters",
                                          (json_int_t)params_total(d->params), "trainable",
                                          (json_int_t)params_trainable(d->params), "inference",
                                          use_as_json(d->inference), "training",
                                          use_as_json(d->training), "config", text_as_json(config))
                              : NULL;
    free(config);
    return print_json(document);
}

static int run_info(const options *given)
{
    model_file subject;
    drawing d = {0};
    if (subject_open(given, &subject))
        return -1;
    int result = draw(&d, subject.settings);
    if (!result && subject.tensors)
        result = check_values(given->arguments[0], subject.tensors, d.params);
    if (!result)
        result = given->json ? print_document(&d, subject.settings) : print_text(&d);
    erase(&d);
    model_close(&subject);
    return result;
}

const command info_command = {
    .name = "info",
    .summary = "Describe a model file or a config",
    .arguments = "MODEL|CONFIG",
    .description =
        "Prints the layers of a network with their shapes, parameters and buffers, then\n"
        "totals, and the operations and memory that training and inference take. Needs no "
        "device.\n",
    .examples = "  unblend info models/unet.safetensors\n"
                "  unblend info configs/unet.ini --set model.filters=32\n",
    .options = OPTION_SET | OPTION_JSON,
    .least = 1,
    .most = 1,
    .run = run_info,
};
