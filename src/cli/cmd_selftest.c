/* unblend selftest [MODEL|CONFIG]: every kernel that training and using the network would run, at
 * the network's own shapes, against the plain-C reference. */
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "check/layer_check.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "formats/json.h"
#include "models/network.h"
#include "models/open_device.h"
#include <stdlib.h>
#include <string.h>

/* Two images show a mistake between images as well as fifty would. */
enum { BATCH = 2 };

typedef struct outcome {
    layer_case what;
    shape output;
    check_report report;
    char *error; /* NULL: passed */
} outcome;

typedef struct checks {
    outcome *items;
    size_t count, capacity;
} checks;

/* ---- Which cases there are ---- */

static bool same_case(const layer_case *a, const layer_case *b)
{
    if (a->type != b->type || a->input_count != b->input_count || a->inference != b->inference)
        return false;
    for (int i = 0; i < a->input_count; i++)
        if (!shape_equal(a->inputs[i], b->inputs[i]))
            return false;
    size_t size = a->type->options_size;
    return !size || !memcmp(a->options, b->options, size);
}

static int add_case(checks *c, const layer *l, bool inference)
{
    layer_case what = {.type = l->type,
                       .options = l->options,
                       .input_count = l->input_count,
                       .inference = inference};
    for (int i = 0; i < l->input_count; i++)
        what.inputs[i] = l->inputs[i]->shape;
    for (size_t i = 0; i < c->count; i++)
        if (same_case(&c->items[i].what, &what))
            return 0;
    if (grow((void **)&c->items, &c->capacity, c->count + 1, sizeof *c->items))
        return -1;
    c->items[c->count++] = (outcome){.what = what, .output = l->output->shape};
    return 0;
}

/* Only a layer that keeps statistics computes something else at inference. */
static bool keeps_statistics(const layer *l)
{
    for (int i = 0; i < l->param_count; i++)
        if (!l->params[i]->trainable)
            return true;
    return false;
}

static int list_cases(checks *c, const graph *g)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (add_case(c, g->layers[i], false) ||
            (keeps_statistics(g->layers[i]) && add_case(c, g->layers[i], true)))
            return -1;
    return 0;
}

/* ---- Checking ---- */

/* A wrong result is an outcome; what cannot be run at all is a failure of the command. */
static int check_case(device *d, outcome *o)
{
    if (!layer_check(d, &o->what, LAYER_CHECK_TOLERANCE, &o->report))
        return 0;
    if (error_status() != STATUS_SELFTEST)
        return -1;
    o->error = copy_text(error_message());
    return o->error ? 0 : -1;
}

static size_t count_failed(const checks *c)
{
    size_t failed = 0;
    for (size_t i = 0; i < c->count; i++)
        failed += c->items[i].error != NULL;
    return failed;
}

/* "2x32x32x64 -> 2x32x32x32" */
static const char *describe_shapes(const outcome *o, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < o->what.input_count; i++) {
        shape s = o->what.inputs[i];
        used += (size_t)snprintf(text + used, size - used, "%s%dx%dx%dx%d", i ? ", " : "", s.n, s.h,
                                 s.w, s.c);
    }
    shape y = o->output;
    snprintf(text + used, size - used, " -> %dx%dx%dx%d", y.n, y.h, y.w, y.c);
    return text;
}

static void print_outcome(const outcome *o)
{
    char shapes[256];
    describe_shapes(o, shapes, sizeof shapes);
    printf("%-16s  %-42s  %-9s  ", o->what.type->name, shapes,
           o->what.inference ? "inference" : "training");
    if (o->error)
        printf("FAILED  %s\n", o->error);
    else
        printf("ok  %.1e  %s\n", o->report.worst, o->report.worst_tensor);
}

static int check_all(device *d, checks *c, bool print)
{
    if (print)
        printf("%-16s  %-42s  %-9s  worst error relative to its tensor\n", "layer", "shapes",
               "run as");
    for (size_t i = 0; i < c->count; i++) {
        log_live("check %zu of %zu", i + 1, c->count);
        if (check_case(d, &c->items[i]))
            return -1;
        log_live_end();
        if (print)
            print_outcome(&c->items[i]);
        fflush(stdout);
    }
    return 0;
}

static json_t *outcome_as_json(const outcome *o)
{
    char shapes[256];
    describe_shapes(o, shapes, sizeof shapes);
    return json_pack("{s:s, s:s, s:b, s:b, s:f, s:o, s:o}", "layer", o->what.type->name, "shapes",
                     shapes, "inference", (int)o->what.inference, "passed", o->error == NULL,
                     "worst", o->report.worst, "worst_tensor", text_as_json(o->report.worst_tensor),
                     "error", o->error ? text_as_json(o->error) : json_null());
}

static int print_document(const checks *c, const device *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++)
        if (json_array_append_new(list, outcome_as_json(&c->items[i]))) {
            json_decref(list);
            return print_json(NULL);
        }
    return print_json(json_pack("{s:o, s:f, s:I, s:I, s:o}", "device", text_as_json(d->info.name),
                                "tolerance", LAYER_CHECK_TOLERANCE, "passed",
                                (json_int_t)(c->count - count_failed(c)), "failed",
                                (json_int_t)count_failed(c), "checks", list));
}

static int verdict(const checks *c, const device *d, bool print)
{
    size_t failed = count_failed(c);
    if (print && !failed)
        printf("%zu checks passed\n", c->count);
    return failed ? fail(STATUS_SELFTEST,
                         "%zu of %zu checks failed: results of %s cannot be trusted; try another "
                         "--device, another driver, or --set device.kernels=%s",
                         failed, c->count, d->info.name,
                         d->kernels == KERNELS_VECTOR ? "tiled" : "vector")
                  : 0;
}

static int test_device(device *d, const settings *s, bool json)
{
    params *p = NULL;
    network *n = NULL;
    checks c = {0};
    int result = -1;
    if (!params_new(&p, NULL) && !network_new(&n, p, s, BATCH, NETWORK_TRAIN) &&
        !list_cases(&c, n->graph) && !check_all(d, &c, !json) && !(json && print_document(&c, d)))
        result = verdict(&c, d, !json);
    for (size_t i = 0; i < c.count; i++)
        free(c.items[i].error);
    free(c.items);
    network_free(n);
    params_free(p);
    return result;
}

int command_selftest(const options *given)
{
    model_file subject;
    device *d = NULL;
    if (subject_open(given, &subject))
        return -1;
    int result = open_device(&d, subject.settings);
    if (!result) {
        if (!given->json)
            printf("device: %s, driver %s, %s kernels\n", d->info.name, d->info.driver,
                   d->kernels == KERNELS_VECTOR ? "vector" : "tiled");
        result = test_device(d, subject.settings, given->json);
    }
    device_close(d);
    model_close(&subject);
    return result;
}
