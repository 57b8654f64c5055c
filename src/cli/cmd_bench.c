/* unblend bench CONFIG: how fast a network trains and infers on a device, and where the time goes. */
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "bench/bench.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "compute/open_device.h"
#include "compute/profile.h"
#include <string.h>

static double images_per_second(const bench_report *r, const bench_figures *f)
{
    return r->batch / f->step;
}

/* Billions a second; 0 where nothing is known. */
static double rate(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds * 1e-9 : 0;
}

/* ---- Text ---- */

static void print_overview(const bench_report *r, const bench_figures *f, const char *what)
{
    printf("%-10s  %10.1f  %10.2f  %14.1f  %10.1f   median of %d times %ld steps\n", what,
           images_per_second(r, f), f->step * 1e3, f->first_step * 1e3, (double)f->peak / 1048576,
           BENCH_REPETITIONS, f->steps);
}

typedef struct widths {
    int name, kind;
} widths;

static widths measure_columns(const layer_times *t)
{
    widths w = {column_width(0, "layer"), column_width(0, "kind")};
    for (size_t i = 0; i < t->count; i++) {
        w.name = column_width(w.name, t->items[i].name);
        w.kind = column_width(w.kind, t->items[i].kind);
    }
    return w;
}

/* A rate, or a dash where there is nothing to count. */
static void print_rate(int width, double amount, double seconds)
{
    if (amount > 0)
        printf(" %*.1f", width, rate(amount, seconds));
    else
        printf(" %*s", width, "-");
}

static void print_row(const layer_times *t, widths w, const layer_time *item, bool training)
{
    double seconds = layer_time_seconds(item);
    printf("%-*s  %-*s %9.3f", w.name, item->name, w.kind, item->kind, item->forward * 1e3);
    if (training)
        printf(" %9.3f", item->backward * 1e3);
    print_rate(8, item->cost.flops, seconds);
    print_rate(7, item->cost.bytes, seconds);
    printf(" %6.2f\n", layer_times_share(t, seconds));
}

static void print_layers(const layer_times *t, bool training)
{
    widths w = measure_columns(t);
    layer_time all = {.name = "all"};
    printf("%-*s  %-*s %9s", w.name, "layer", w.kind, "kind", training ? "forward" : "ms");
    if (training)
        printf(" %9s", "backward");
    printf(" %8s %7s %6s\n", "GFLOP/s", "GB/s", "%");
    for (size_t i = 0; i < t->count; i++) {
        const layer_time *item = &t->items[i];
        print_row(t, w, item, training);
        all.forward += item->forward;
        all.backward += item->backward;
        all.cost.flops += item->cost.flops;
        all.cost.bytes += item->cost.bytes;
    }
    print_row(t, w, &all, training);
}

static void print_kinds(const layer_times *t)
{
    for (size_t i = 0; i < t->kind_count; i++)
        printf("%-20s %9.3f ms %6.2f %%\n", t->kinds[i].kind, t->kinds[i].seconds * 1e3,
               layer_times_share(t, t->kinds[i].seconds));
    printf("outside convolutions: %.1f %%\n", layer_times_outside_convolutions(t));
}

static void print_figures(const bench_figures *f, const char *what, bool training)
{
    printf("\n%s, ms on the device: %.2f in one step, which as a whole takes %.2f\n\n", what,
           f->times.seconds * 1e3, f->step * 1e3);
    print_layers(&f->times, training);
    printf("\n%s, by kind\n\n", what);
    print_kinds(&f->times);
}

static void print_text(const bench_report *r, const device *d, double opening)
{
    const build_count *b = &d->builds;
    printf("device     %s, driver %s, %s kernels\n", d->info.name, d->info.driver,
           kernel_family_name(d->kernels));
    printf("tuning     %s%s\n",
           d->profile ? "" : "defaults: ", d->profile ? d->profile : device_class(&d->info)->name);
    printf("batch      %d\n", r->batch);
    printf("start-up   %.3f s: device %.3f s, data and buffers %.3f s\n", opening + r->set_up,
           opening, r->set_up);
    printf("compiling  %.3f s: %ld programs compiled, %ld from the cache\n\n", b->seconds,
           b->compiled, b->cached);
    printf("%-10s  %10s  %10s  %14s  %10s\n", "", "images/s", "ms a step", "first step, ms",
           "peak, MiB");
    print_overview(r, &r->training, "training");
    print_overview(r, &r->inference, "inference");
    print_figures(&r->training, "training", true);
    print_figures(&r->inference, "inference", false);
}

/* ---- JSON ---- */

static json_t *item_as_json(const layer_times *t, const layer_time *item)
{
    double seconds = layer_time_seconds(item);
    return json_pack("{s:s, s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "name", item->name,
                     "kind", item->kind, "is_layer", (int)item->is_layer, "forward_ms",
                     item->forward * 1e3, "backward_ms", item->backward * 1e3, "flops",
                     item->cost.flops, "bytes", item->cost.bytes, "gflop_per_second",
                     rate(item->cost.flops, seconds), "gb_per_second",
                     rate(item->cost.bytes, seconds), "percent", layer_times_share(t, seconds));
}

static json_t *kind_as_json(const layer_times *t, const kind_time *k)
{
    return json_pack("{s:s, s:f, s:f}", "kind", k->kind, "ms", k->seconds * 1e3, "percent",
                     layer_times_share(t, k->seconds));
}

/* Adds value to the list, both taken over; NULL, for want of memory, makes the list NULL. */
static json_t *with(json_t *list, json_t *value)
{
    if (!json_array_append_new(list, value))
        return list;
    json_decref(list);
    return NULL;
}

static json_t *figures_as_json(const bench_report *r, const bench_figures *f)
{
    const layer_times *t = &f->times;
    json_t *items = json_array(), *kinds = json_array(), *repetitions = json_array();
    for (size_t i = 0; i < t->count; i++)
        items = with(items, item_as_json(t, &t->items[i]));
    for (size_t i = 0; i < t->kind_count; i++)
        kinds = with(kinds, kind_as_json(t, &t->kinds[i]));
    for (int i = 0; i < BENCH_REPETITIONS; i++)
        repetitions = with(repetitions, json_real(f->repetitions[i] * 1e3));
    return json_pack("{s:f, s:f, s:o, s:I, s:f, s:f, s:f, s:o, s:o, s:f}", "images_per_second",
                     images_per_second(r, f), "ms_per_step", f->step * 1e3, "repetitions_ms",
                     repetitions, "steps_per_repetition", (json_int_t)f->steps, "first_step_ms",
                     f->first_step * 1e3, "peak_mib", (double)f->peak / 1048576, "device_ms",
                     t->seconds * 1e3, "layers", items, "kinds", kinds,
                     "outside_convolutions_percent", layer_times_outside_convolutions(t));
}

static int print_document(const bench_report *r, const device *d, double opening)
{
    const build_count *b = &d->builds;
    return print_json(json_pack(
        "{s:o, s:o, s:s, s:o, s:i, s:f, s:{s:f, s:I, s:I}, s:o, s:o}", "device",
        text_as_json(d->info.name), "driver", text_as_json(d->info.driver), "kernels",
        kernel_family_name(d->kernels), "profile",
        d->profile ? text_as_json(d->profile) : json_null(), "batch", r->batch, "start_up_seconds",
        opening + r->set_up, "compiling", "seconds", b->seconds, "compiled",
        (json_int_t)b->compiled, "cached", (json_int_t)b->cached, "training",
        figures_as_json(r, &r->training), "inference", figures_as_json(r, &r->inference)));
}

static int run_bench(const options *given)
{
    model_file subject;
    device *d = NULL;
    bench_report r = {0};
    if (subject_open(given, 0, &subject))
        return -1;
    double begun = clock_seconds();
    int result = open_device(&d, &subject.settings->device);
    double opening = clock_seconds() - begun;
    if (!result)
        result = bench_run(&r, d, subject.settings);
    if (!result && given->json)
        result = print_document(&r, d, opening);
    else if (!result)
        print_text(&r, d, opening);
    bench_report_release(&r);
    device_close(d);
    model_close(&subject);
    return result;
}

const command bench_command = {
    .name = "bench",
    .summary = "Measure how fast a network trains and infers, layer by layer",
    .arguments = "MODEL|CONFIG",
    .description =
        "Times training steps, from blending to Adam, and inference, after a warm-up, on\n"
        "random pictures that are already on the device. Then it times the commands of\n"
        "single steps one by one, and prints a table of the layers and of what belongs to\n"
        "none.\n"
        "\n"
        "  GFLOP/s     multiplications and additions of the direct algorithm (of\n"
        "              convolutions, dense layers, attention), over the time taken\n"
        "  GB/s        what must be read and written at least (inputs, outputs,\n"
        "              parameters, gradients, each once), over the time taken\n"
        "  compiling   making programs ready; drivers may do part in the first step\n"
        "  peak        the most device memory in use, with data sets as large as MNIST\n"
        "\n"
        "Of a model file only the settings are used.\n",
    .examples = "  unblend bench configs/unet.ini\n"
                "  unblend bench configs/unet-small.ini --batch 64 --device 1 --json\n",
    .options = OPTIONS_COMPUTE | OPTION_SET | OPTION_TRAIN_BATCH | OPTION_JSON,
    .least = 1,
    .most = 1,
    .run = run_bench,
};
