/* unblend selftest [MODEL|CONFIG]: every kernel that training and using the network would run, at
 * the network's own shapes, against the plain-C reference. */
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "check/network_check.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "compute/open_device.h"

/* Two images show a mistake between images as well as fifty would. */
enum { BATCH = 2, SIDE_LIMIT = 64 };

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

static int check_all(device *d, network_check *c, bool print)
{
    if (print)
        printf("%-16s  %-42s  %-9s  worst error relative to its tensor\n", "layer", "shapes",
               "run as");
    for (size_t i = 0; i < c->count; i++) {
        log_live("check %zu of %zu", i + 1, c->count);
        if (network_check_case(d, &c->items[i], CHECK_FULL))
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

static int print_document(const network_check *c, const device *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++)
        if (json_array_append_new(list, outcome_as_json(&c->items[i]))) {
            json_decref(list);
            return print_json(NULL);
        }
    return print_json(json_pack("{s:o, s:f, s:I, s:I, s:o}", "device", text_as_json(d->info.name),
                                "tolerance", LAYER_CHECK_TOLERANCE, "passed",
                                (json_int_t)(c->count - network_check_failed(c)), "failed",
                                (json_int_t)network_check_failed(c), "checks", list));
}

static int test_device(device *d, const settings *s, bool json)
{
    network_check c;
    int result = -1;
    if (!network_check_list(&c, s, BATCH, SIDE_LIMIT) && !check_all(d, &c, !json) &&
        !(json && print_document(&c, d)))
        result = network_check_verdict(&c, d);
    if (!result && !json)
        printf("%zu checks passed\n", c.count);
    network_check_release(&c);
    return result;
}

static int run_selftest(const options *given)
{
    model_file subject;
    device *d = NULL;
    if (subject_open(given, 0, &subject))
        return -1;
    int result = open_device(&d, &subject.settings->device);
    if (!result) {
        if (!given->json)
            printf("device: %s, driver %s, %s kernels\n", d->info.name, d->info.driver,
                   kernel_family_name(d->kernels));
        result = test_device(d, subject.settings, given->json);
    }
    device_close(d);
    model_close(&subject);
    return result;
}

const command selftest_command = {
    .name = "selftest",
    .summary = "Check every kernel on a device against the CPU",
    .arguments = "[MODEL|CONFIG]",
    .description =
        "Runs every kernel of a network on the device, forward and backward, and compares\n"
        "it with plain C: at the shapes of the model or config, or of the default.\n"
        "Exits with 6 if a result is wrong.\n",
    .examples = "  unblend selftest --device 0\n",
    .options = OPTIONS_COMPUTE | OPTION_SET | OPTION_JSON,
    .most = 1,
    .run = run_selftest,
};
