/* unblend info MODEL|CONFIG: layers, parameters and memory. All on paper: no device is needed. */
#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "models/freezing.h"
#include "models/network.h"
#include "nn/cost.h"
#include "nn/summary.h"
#include <stdlib.h>
#include <string.h>

typedef struct drawing {
    params *params;                   /* of the first epoch */
    network *inference, *training;    /* at the config's batch */
    size_t most_bytes, most_separate; /* that training takes in any epoch */
} drawing;

/* The more is trained, the more memory it takes. */
static void keep_most(drawing *d, const plan *p)
{
    if (p->planned_bytes <= d->most_bytes)
        return;
    d->most_bytes = p->planned_bytes;
    d->most_separate = p->separate_bytes;
}

static int look_at_epoch(drawing *d, const settings *s, long epoch)
{
    params *p;
    network *n = NULL;
    int result =
        freezing_params(&p, NULL, s, epoch) || network_new(&n, p, s, s->train.batch, NETWORK_TRAIN)
            ? -1
            : 0;
    if (!result)
        keep_most(d, n->plan);
    network_free(n);
    params_free(p);
    return result;
}

static int draw(drawing *d, const settings *s)
{
    int batch = s->train.batch;
    if (freezing_params(&d->params, NULL, s, 1) ||
        network_new(&d->inference, d->params, s, batch, NETWORK_INFER) ||
        network_new(&d->training, d->params, s, batch, NETWORK_TRAIN) ||
        freezing_check(s, d->params))
        return -1;
    keep_most(d, d->training->plan);
    for (long epoch = freezing_next(s, 1); epoch; epoch = freezing_next(s, epoch))
        if (look_at_epoch(d, s, epoch))
            return -1;
    return 0;
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

static void print_memory(const char *what, size_t planned, size_t separate, int batch)
{
    printf("%-10s  %9.1f MiB planned  %9.1f MiB if no buffer were shared  (batch of %d)\n", what,
           (double)planned / 1048576, (double)separate / 1048576, batch);
}

/* ---- What is frozen when ---- */

/* The first part of a name: all of "encoder1/conv1/kernel" that tells a module. */
static size_t module_length(const char *name)
{
    return strcspn(name, "/");
}

static bool same_module(const param *a, const param *b)
{
    size_t length = module_length(a->name);
    return length == module_length(b->name) && !strncmp(a->name, b->name, length);
}

/* The modules that the rules freeze, wholly or in part, as "encoder1" and "bottleneck (part)". */
static json_t *frozen_modules(const params *p, const params *rules)
{
    json_t *modules = json_array();
    for (size_t i = 0; i < p->count; i++) {
        size_t all = 0, frozen = 0;
        bool is_first = true;
        for (size_t k = 0; k < p->count; k++) {
            const param *other = p->items[k];
            if (!same_module(p->items[i], other) || other->kind != PARAM_WEIGHT)
                continue;
            is_first &= k >= i;
            all++;
            frozen += !params_would_train(rules, other);
        }
        char *text = is_first && frozen && p->items[i]->kind == PARAM_WEIGHT
                         ? format_text("%.*s%s", (int)module_length(p->items[i]->name),
                                       p->items[i]->name, frozen < all ? " (part)" : "")
                         : NULL;
        if (text)
            json_array_append_new(modules, json_string(text));
        free(text);
    }
    return modules;
}

/* [{"epoch": first of a stretch, "trainable": n, "frozen": ["encoder1", ...]}, ...] */
static json_t *freezing_as_json(const settings *s, const params *p)
{
    json_t *list = json_array(), *before = NULL;
    for (long epoch = 1; list && epoch; epoch = freezing_next(s, epoch)) {
        params *rules;
        if (freezing_params(&rules, NULL, s, epoch)) {
            json_decref(list);
            return NULL;
        }
        json_t *frozen = frozen_modules(p, rules);
        size_t trainable = freezing_trainable(s, p, epoch);
        params_free(rules);
        bool same =
            before && json_equal(frozen, json_object_get(before, "frozen")) &&
            (json_int_t)trainable == json_integer_value(json_object_get(before, "trainable"));
        if (same) {
            json_decref(frozen);
            continue;
        }
        before = json_pack("{s:I, s:I, s:o}", "epoch", (json_int_t)epoch, "trainable",
                           (json_int_t)trainable, "frozen", frozen);
        json_array_append_new(list, before);
    }
    return list;
}

static void print_stretch(const json_t *stretch)
{
    const json_t *frozen = json_object_get(stretch, "frozen");
    char count[32];
    printf("%10" JSON_INTEGER_FORMAT "  %18s  ",
           json_integer_value(json_object_get(stretch, "epoch")),
           summary_count((size_t)json_integer_value(json_object_get(stretch, "trainable")), count,
                         sizeof count));
    for (size_t i = 0; i < json_array_size(frozen); i++)
        printf("%s%s", i ? ", " : "", json_string_value(json_array_get(frozen, i)));
    puts(json_array_size(frozen) ? "" : "nothing");
}

/* Nothing where nothing is ever frozen. */
static int print_freezing(const settings *s, const params *p)
{
    json_t *list = freezing_as_json(s, p);
    if (!list)
        return -1;
    if (json_array_size(list) > 1 ||
        json_array_size(json_object_get(json_array_get(list, 0), "frozen"))) {
        puts("\nfrom epoch  trained parameters  frozen");
        for (size_t i = 0; i < json_array_size(list); i++)
            print_stretch(json_array_get(list, i));
        if (s->freezing.every > 1)
            printf("repeats every %d epochs\n", s->freezing.every);
    }
    json_decref(list);
    return 0;
}

/* ---- All of it ---- */

static int print_text(const drawing *d, const settings *s)
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
    print_memory("inference", d->inference->plan->planned_bytes, d->inference->plan->separate_bytes,
                 d->inference->batch);
    if (d->inference->batch >= NETWORK_SLICED_BATCH)
        printf("            on a CPU as for a batch of %d: larger ones are inferred in slices\n",
               NETWORK_SLICE);
    print_memory("training", d->most_bytes, d->most_separate, d->training->batch);
    return print_freezing(s, d->params);
}

static json_t *use_as_json(const network *n, size_t planned, size_t separate)
{
    return json_pack("{s:i, s:f, s:I, s:I}", "batch", n->batch, "flops_per_image", flops_of(n),
                     "planned_bytes", (json_int_t)planned, "separate_bytes", (json_int_t)separate);
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
    json_t *document =
        config
            ? json_pack("{s:o, s:I, s:I, s:o, s:o, s:o, s:o}", "layers",
                        layers_as_json(d->inference->plan), "parameters",
                        (json_int_t)params_total(d->params), "trainable",
                        (json_int_t)params_trainable(d->params), "inference",
                        use_as_json(d->inference, d->inference->plan->planned_bytes,
                                    d->inference->plan->separate_bytes),
                        "training", use_as_json(d->training, d->most_bytes, d->most_separate),
                        "freezing", freezing_as_json(s, d->params), "config", text_as_json(config))
            : NULL;
    free(config);
    return print_json(document);
}

static int run_info(const options *given)
{
    model_file subject;
    drawing d = {0};
    if (subject_open(given, 0, &subject))
        return -1;
    int result = draw(&d, subject.settings);
    if (!result && subject.tensors)
        result = check_values(given->arguments[0], subject.tensors, d.params);
    if (!result)
        result =
            given->json ? print_document(&d, subject.settings) : print_text(&d, subject.settings);
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
