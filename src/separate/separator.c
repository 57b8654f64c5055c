#include "separate/separator.h"

#include "base/error.h"
#include "base/memory.h"
#include "compute/open_device.h"
#include "models/network.h"
#include "models/trained.h"
#include <stdlib.h>
#include <string.h>

#define MEBIBYTES(bytes) ((double)(bytes) / 1048576)

struct separator {
    device *device;
    params *params;
    settings *settings;
    char *path; /* of the model, for messages */
    mixture mixture;
    struct separator_options options;
    layout_rules rules;
    struct device_memory {
        double fixed, per_pixel; /* bytes that a network takes */
        double pixels;           /* that may be computed at a time */
    } needs;
    network *network; /* planned for the last size of tiles; NULL: to be planned */
    float *values;    /* (batch, tile height, tile width, channels): what goes up */
    float *results;   /* (batch, tile height, tile width, sources * channels): what comes down */
    canvas *canvas;
    separator_progress *progress;
    void *context;
};

/* ---- Networks ---- */

static void drop_plan(separator *s)
{
    network_free(s->network);
    free(s->values);
    free(s->results);
    s->network = NULL;
    s->values = s->results = NULL;
}

static bool is_own_size(const separator *s, int height, int width)
{
    return height == s->mixture.format.height && width == s->mixture.format.width;
}

/* On paper. */
static int new_network(const separator *s, int height, int width, int batch, network **out)
{
    return is_own_size(s, height, width)
               ? network_new(out, s->params, s->settings, batch, NETWORK_INFER)
               : network_new_sized(out, s->params, s->settings, height, width, batch,
                                   NETWORK_INFER);
}

/* A network for `batch` tiles at a time, in place of the one there is; the params stay. */
static int plan_for(separator *s, int height, int width, int batch)
{
    const mixture *m = &s->mixture;
    size_t values =
        (size_t)batch * image_values((struct image_format){height, width, m->format.channels});
    drop_plan(s);
    s->values = allocate(values, sizeof *s->values);
    s->results = allocate(values, (size_t)m->sources * sizeof *s->results);
    return s->values && s->results ? new_network(s, height, width, batch, &s->network) : -1;
}

/* How many of so many tiles to compute at a time: equal parts of them, each within what options and memory allow. */
static int batch_for(const separator *s, int height, int width, size_t tiles)
{
    double fit = s->needs.pixels / ((double)height * width);
    size_t most = fit < s->options.batch ? (size_t)fit : (size_t)s->options.batch;
    if (most < 1)
        most = 1;
    size_t turns = (tiles + most - 1) / most;
    return (int)((tiles + turns - 1) / turns);
}

/* Whether a network can run that batch without computing much in vain. */
static bool serves(const network *n, int height, int width, int batch)
{
    enum { PIXELS_IN_VAIN = 1 << 15 };
    struct image_format f = n->mixture.format;
    return f.height == height && f.width == width && n->batch >= batch &&
           (long)(n->batch - batch) * height * width <= PIXELS_IN_VAIN;
}

/* After a failure another size may still succeed. */
static int plan_tiles(separator *s, int height, int width, size_t wanted)
{
    int batch = batch_for(s, height, width, wanted);
    if (s->network && serves(s->network, height, width, batch))
        return 0;
    if (!plan_for(s, height, width, batch) && !network_prepare(s->network))
        return 0;
    drop_plan(s);
    return -1;
}

/* ---- What fits into memory ---- */

static int bytes_of(const separator *s, int side, double *bytes)
{
    network *n;
    if (new_network(s, side, side, 1, &n))
        return -1;
    *bytes = (double)n->plan->planned_bytes;
    network_free(n);
    return 0;
}

/* Plans on paper of two sizes tell what a pixel takes, and what there is whatever the size. */
static int measure_needs(separator *s)
{
    enum { SMALL = 8, LARGE = 24 }; /* units */
    double small, large, unit = s->rules.reach.unit;
    if (s->rules.reach.whole) {
        const struct image_format *f = &s->mixture.format;
        s->needs.fixed = 0;
        s->needs.per_pixel = (double)s->network->plan->planned_bytes / (f->height * f->width);
        return 0;
    }
    if (bytes_of(s, SMALL * s->rules.reach.unit, &small) ||
        bytes_of(s, LARGE * s->rules.reach.unit, &large))
        return -1;
    s->needs.per_pixel = (large - small) / (unit * unit * (LARGE * LARGE - SMALL * SMALL));
    s->needs.fixed = large - s->needs.per_pixel * unit * unit * LARGE * LARGE;
    return 0;
}

/* Beside the parameters, which are there. No buffer is larger than the device allows, nor has more values than kernels
 * count; a buffer has at most all that a pixel takes. */
static void limit_pixels(separator *s)
{
    double most = (double)s->device->info.max_allocation,
           values = (double)VALUES_MAX * sizeof(float);
    double left = (double)s->options.memory - s->needs.fixed - (double)s->device->allocated;
    if (most > values)
        most = values;
    if (left > most)
        left = most;
    s->needs.pixels = left > 0 ? left / s->needs.per_pixel : 0;
    s->rules.tile_pixels = (size_t)s->needs.pixels;
    if (s->options.tile_pixels && s->options.tile_pixels < s->rules.tile_pixels)
        s->rules.tile_pixels = s->options.tile_pixels;
}

static int check_memory(const separator *s)
{
    const struct image_format *f = &s->mixture.format;
    size_t least = s->rules.reach.whole ? (size_t)f->height * (size_t)f->width
                                        : layout_least_pixels(&s->rules.reach);
    double needed =
        s->needs.fixed + (double)s->device->allocated + s->needs.per_pixel * (double)least;
    return s->needs.pixels >= (double)least
               ? 0
               : fail(STATUS_USAGE,
                      "%s: the smallest tile of a picture takes %.0f MiB of memory on %s, of which "
                      "%.0f MiB may be used; a larger --memory allows more",
                      s->path, MEBIBYTES(needed) + 1, s->device->info.name,
                      MEBIBYTES(s->options.memory));
}

static int plan_memory(separator *s)
{
    size_t whole = s->device->info.global_memory, usual = (size_t)1 << 30;
    if (!s->options.memory)
        s->options.memory = whole / 2 < usual ? whole / 2 : usual;
    if (s->options.memory > whole)
        s->options.memory = whole;
    if (measure_needs(s))
        return -1;
    limit_pixels(s);
    return check_memory(s);
}

/* ---- Opening ---- */

/* Compiles the kernels now, so that no timing includes it, and finds weights that are not numbers
 * before anybody waits for results. */
static int run_black(separator *s)
{
    struct image_format format = s->mixture.format;
    size_t size = image_values(format);
    unsigned char *pixels = allocate(1 + SOURCES_MAX, size);
    if (!pixels)
        return -1;
    separation item = {.width = format.width, .height = format.height, .mixture = pixels};
    for (size_t k = 0; k < SOURCES_MAX; k++)
        item.sources[k] = pixels + (1 + k) * size;
    int result = separator_run(s, &item, 1);
    free(pixels);
    if (!result && item.overflowed)
        result = trained_output_failed(s->path, " for a black picture");
    return result;
}

static int open_network(separator *s, const model_file *file)
{
    struct image_format f = file->mixture.format;
    s->rules = (layout_rules){.format = f,
                              .inner_height = file->mixture.inner_height,
                              .inner_width = file->mixture.inner_width};
    return settings_derive(&s->settings, file->settings, NULL, 0, true) ||
                   open_device_for_inference(&s->device, &s->settings->device) ||
                   params_new(&s->params, s->device) || plan_for(s, f.height, f.width, 1) ||
                   network_reach(s->network, &s->rules.reach) ||
                   params_allocate(s->params, false) ||
                   params_load(s->params, file->tensors, s->path) || plan_memory(s) ||
                   network_prepare(s->network) || run_black(s)
               ? -1
               : 0;
}

int separator_open(separator **out, const char *path, const model_file *file,
                   struct separator_options options)
{
    separator *s = allocate(1, sizeof *s);
    if (!s)
        return -1;
    s->options = options;
    s->mixture = file->mixture;
    if (!(s->path = copy_text(path)) || canvas_new(&s->canvas, &s->mixture) ||
        open_network(s, file)) {
        separator_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

void separator_close(separator *s)
{
    if (!s)
        return;
    drop_plan(s);
    canvas_free(s->canvas);
    params_free(s->params);
    device_close(s->device);
    settings_free(s->settings);
    free(s->path);
    free(s);
}

const mixture *separator_mixture(const separator *s)
{
    return &s->mixture;
}

const char *separator_device_name(const separator *s)
{
    return s->device->info.name;
}

int separator_batch(const separator *s)
{
    return s->options.batch;
}

size_t separator_peak(const separator *s)
{
    return s->device->peak;
}

void separator_watch(separator *s, separator_progress *progress, void *context)
{
    s->progress = progress;
    s->context = context;
}

/* ---- Running ---- */

/* Pictures one after another whose tiles are of one size. */
typedef struct group {
    separation *items;
    const layout *layouts;
    size_t count;
} group;

/* A tile of a group: they are computed picture by picture, plane by plane, row by row. */
typedef struct place {
    size_t item;
    int plane, row, column;
} place;

static size_t tiles_of(const separator *s, const separation *item, const layout *l)
{
    return (size_t)canvas_planes(item, &s->mixture) * (size_t)l->rows.count *
           (size_t)l->columns.count;
}

static void step(const separator *s, const group *g, place *p)
{
    const layout *l = &g->layouts[p->item];
    if (++p->column < l->columns.count)
        return;
    p->column = 0;
    if (++p->row < l->rows.count)
        return;
    p->row = 0;
    if (++p->plane < canvas_planes(&g->items[p->item], &s->mixture))
        return;
    p->plane = 0;
    p->item++;
}

/* count is at most the network's batch; what is behind it is computed and dropped. */
static int run_batch(separator *s, const group *g, place *next, size_t count)
{
    size_t size = image_values(s->network->mixture.format), sources = (size_t)s->mixture.sources;
    size_t bytes = count * size * sizeof *s->values;
    place p = *next;
    for (size_t i = 0; i < count; i++, step(s, g, &p))
        canvas_put(&g->items[p.item], p.plane, &g->layouts[p.item], p.row, p.column, &s->mixture,
                   s->values + i * size);
    if (buffer_write(s->device, s->network->input->data, 0, s->values, bytes) ||
        network_forward(s->network) ||
        buffer_read(s->device, s->network->output->data, 0, s->results, sources * bytes))
        return -1;
    for (size_t i = 0; i < count; i++, step(s, g, next))
        if (canvas_add(s->canvas, &g->items[next->item], next->plane, &g->layouts[next->item],
                       next->row, next->column, s->results + i * size * sources))
            return -1;
    return 0;
}

static int run_group(separator *s, const group *g, size_t *done, size_t total)
{
    const layout *l = &g->layouts[0];
    size_t left = 0;
    for (size_t i = 0; i < g->count; i++)
        left += tiles_of(s, &g->items[i], &g->layouts[i]);
    if (plan_tiles(s, l->rows.length, l->columns.length, left))
        return -1;
    for (place next = {0}; left;) {
        size_t batch = (size_t)s->network->batch, count = left < batch ? left : batch;
        if (run_batch(s, g, &next, count))
            return -1;
        left -= count;
        *done += count;
        if (s->progress && s->progress(s->context, *done, total))
            return -1;
    }
    return 0;
}

static bool is_one_size(const layout *a, const layout *b)
{
    return a->rows.length == b->rows.length && a->columns.length == b->columns.length;
}

static int run_groups(separator *s, separation *items, const layout *layouts, size_t count)
{
    size_t done = 0, total = 0;
    for (size_t i = 0; i < count; i++)
        total += tiles_of(s, &items[i], &layouts[i]);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && is_one_size(&layouts[first], &layouts[end]);)
            end++;
        group g = {items + first, layouts + first, end - first};
        if (run_group(s, &g, &done, total))
            return -1;
    }
    return 0;
}

int separator_check(const separator *s, const separation *item, const char *picture)
{
    return item->overflowed
               ? fail(STATUS_DATA,
                      "%s: for this picture the output of the model %s is not a number; its "
                      "weights are too large or damaged, or the device is (`unblend selftest`)",
                      picture, s->path)
               : 0;
}

int separator_run(separator *s, separation *items, size_t count)
{
    layout *layouts = allocate(count, sizeof *layouts);
    int result = layouts ? 0 : -1;
    for (size_t i = 0; i < count && !result; i++) {
        items[i].overflowed = false;
        result = layout_make(&layouts[i], &s->rules, items[i].height, items[i].width);
    }
    if (!result)
        result = run_groups(s, items, layouts, count);
    for (size_t i = 0; layouts && i < count; i++)
        layout_release(&layouts[i]);
    free(layouts);
    return result;
}
