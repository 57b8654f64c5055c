#include "data/proposal.h"

#include "base/error.h"
#include "base/files.h"
#include "base/machine.h"
#include "base/memory.h"
#include "models/freezing.h"
#include "models/network.h"
#include <stdlib.h>
#include <string.h>

/* SMALL: pictures of one size up to this are taken whole. STEP: what sides are rounded to. */
enum { SMALL = 96, STEP = 8, LEAST_SIDE = 16, CROP = 64, LARGE_CROP = 128 };
enum { BATCH = 32, LEAST_BATCH = 2, STEPS_MIN = 200, STEPS_MAX = 1500, VALIDATION_MIN = 10 };

/* ---- Names ---- */

/* The names that a config gives sources without any. other: a second source, or NULL for those of s. */
static int derive_names(const surveys *s, const char *other, mixture *m)
{
    char *text = NULL;
    size_t length;
    settings *c;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return fail(STATUS_MEMORY, "out of memory");
    fputs("[data]\n", out);
    proposal_write_sources(s, out);
    if (other)
        fprintf(out, ", %s", other);
    fputc('\n', out);
    int result = fclose(out) ? fail(STATUS_MEMORY, "out of memory")
                             : settings_parse_alone(&c, text, "the folders");
    free(text);
    if (result)
        return -1;
    *m = c->data.mixture;
    settings_free(c);
    return 0;
}

static bool is_taken(const mixture *m, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(m->names[i], name))
            return true;
    return false;
}

/* Numbers those that occur more than once: pages-1, pages-2. */
static void number_names(mixture *m)
{
    mixture old = *m;
    for (int k = 0; k < m->sources; k++) {
        bool is_alone = true;
        for (int i = 0; i < m->sources; i++)
            is_alone &= i == k || strcmp(old.names[i], old.names[k]) != 0;
        for (int number = 1; !is_alone && number <= 9; number++) {
            char name[SOURCE_NAME_MAX + 1];
            snprintf(name, sizeof name, "%.*s-%c", SOURCE_NAME_MAX - 2, old.names[k], '0' + number);
            if (is_taken(&old, old.sources, name) || is_taken(m, k, name))
                continue;
            snprintf(m->names[k], sizeof m->names[k], "%s", name);
            break;
        }
    }
}

/* A folder that is given twice may go by two names. */
static int choose_names(proposal *p, const surveys *s)
{
    mixture found;
    p->mixture.sources = s->count;
    for (int k = 0; k < s->count; k++) {
        surveys alone = {.of = {s->of[k]}, .count = 1};
        if (derive_names(&alone, "a", &found) && derive_names(&alone, "b", &found))
            return -1;
        memcpy(p->mixture.names[k], found.names[0], sizeof found.names[0]);
        for (int i = k - 1; i >= 0; i--)
            if (file_is_same(s->of[i].path, s->of[k].path)) {
                memcpy(p->mixture.names[k], p->mixture.names[i], sizeof found.names[0]);
                p->permutation = true;
            }
    }
    number_names(&p->mixture);
    if (!p->permutation && !derive_names(s, NULL, &found)) /* no two are alike */
        memcpy(p->mixture.names, found.names, sizeof found.names);
    error_clear();
    return 0;
}

/* ---- Sizes ---- */

static int round_up(int side)
{
    int rounded = (side + STEP - 1) / STEP * STEP;
    return rounded < LEAST_SIDE ? LEAST_SIDE : rounded;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

/* Of IDX files neither size nor channels are changed. */
static int check_images(const surveys *s, const survey **gray, const survey **colour)
{
    *gray = *colour = NULL;
    for (int k = 0; k < s->count; k++) {
        const survey *of = &s->of[k];
        if (!of->is_idx)
            continue;
        *(of->coloured ? colour : gray) = of;
        if (of->largest.width % 2 || of->largest.height % 2)
            return fail(STATUS_DATA,
                        "%s: its pictures are %d x %d; pictures in IDX files need even sides, as "
                        "they get the same border on both",
                        of->path, of->largest.width, of->largest.height);
    }
    return *gray && *colour
               ? fail(STATUS_DATA,
                      "%s has gray pictures and %s coloured ones, and those of IDX files are not "
                      "converted: make both alike",
                      (*gray)->path, (*colour)->path)
               : 0;
}

static void choose_channels(proposal *p, const surveys *s, const survey *gray)
{
    p->mixture.format.channels = 1;
    for (int k = 0; k < s->count; k++)
        if (s->of[k].coloured && !gray)
            p->mixture.format.channels = 3;
}

static bool is_one_small_size(const surveys *s)
{
    const struct image_head *first = &s->of[0].largest;
    for (int k = 0; k < s->count; k++) {
        const struct image_head *h = &s->of[k].largest;
        if (!s->of[k].one_size || h->width != first->width || h->height != first->height)
            return false;
    }
    return larger(first->width, first->height) <= SMALL;
}

/* Around the pictures of IDX files; others are scaled to it. */
static void fit_images(proposal *p, const surveys *s)
{
    struct image_format *f = &p->mixture.format;
    p->fit = FIT_RESIZE;
    for (int k = 0; k < s->count; k++) {
        if (!s->of[k].is_idx)
            continue;
        f->height = larger(f->height, round_up(s->of[k].largest.height));
        f->width = larger(f->width, round_up(s->of[k].largest.width));
    }
}

static void fit_files(proposal *p, const surveys *s)
{
    struct image_format *f = &p->mixture.format;
    int usual = s->of[0].usual_side;
    for (int k = 1; k < s->count; k++)
        if (s->of[k].usual_side < usual)
            usual = s->of[k].usual_side;
    p->fit = usual < CROP ? FIT_RESIZE : FIT_CROP;
    if (usual < CROP)
        f->height = f->width = round_up(usual);
    else
        f->height = f->width = p->on_gpu && usual >= LARGE_CROP ? LARGE_CROP : CROP;
}

static void choose_size(proposal *p, const surveys *s, bool has_images)
{
    for (int k = 0; k < s->count; k++)
        p->photos |= larger(s->of[k].largest.width, s->of[k].largest.height) > SMALL;
    if (is_one_small_size(s)) {
        p->fit = FIT_PAD;
        p->mixture.format.height = round_up(s->of[0].largest.height);
        p->mixture.format.width = round_up(s->of[0].largest.width);
    } else if (has_images) {
        fit_images(p, s);
    } else {
        fit_files(p, s);
    }
}

/* MiB that the decoded pictures of a source take, reduced to a longer side. */
static double decoded(const survey *s, int channels, int side)
{
    double longer = larger(s->median.width, s->median.height);
    double scale = side && side < longer ? side / longer : 1;
    return (double)survey_pictures(s) * s->mean_pixels * scale * scale * channels / 1048576;
}

/* Pictures that the cache cannot hold would be decoded again and again. */
static void choose_longest_side(proposal *p, const surveys *s, int cache_limit)
{
    for (int k = 0; p->fit == FIT_CROP && k < s->count; k++)
        while (decoded(&s->of[k], p->mixture.format.channels, p->longest_side) > cache_limit &&
               p->longest_side != 4 * p->mixture.format.width)
            p->longest_side = p->longest_side ? p->longest_side / 2 : 4096;
}

/* ---- Length ---- */

static int between(size_t low, size_t value, size_t high)
{
    return (int)(value < low ? low : value > high ? high : value);
}

/* An epoch draws about as many pictures as the largest source has. */
static void choose_length(proposal *p, const surveys *s)
{
    size_t train = 0, validation = 0, batch = (size_t)p->batch;
    for (int k = 0; k < s->count; k++) {
        size_t parts[PARTS];
        for (int part = 0; part < PARTS; part++) {
            parts[part] = survey_part(s, k, (enum picture_part)part);
            if (!k || parts[part] < p->least[part])
                p->least[part] = parts[part];
        }
        train = parts[PART_TRAIN] > train ? parts[PART_TRAIN] : train;
        validation = parts[PART_VALIDATION] > validation ? parts[PART_VALIDATION] : validation;
    }
    p->steps = between(STEPS_MIN, train / batch, STEPS_MAX);
    p->validation_steps =
        p->least[PART_VALIDATION] ? between(VALIDATION_MIN, validation / batch, STEPS_MAX / 4) : 0;
}

/* ---- Memory ---- */

/* What the optimizer keeps for each parameter beside its value: gradient, two moments, an average. */
enum { COPIES = 5 };

static size_t memory_of(const device_info *d)
{
    return (size_t)(d ? d->global_memory : machine_memory());
}

static size_t largest_buffer(const plan *p)
{
    size_t largest = 0;
    for (size_t i = 0; i < p->buffer_count; i++)
        if (p->buffer_bytes[i] > largest)
            largest = p->buffer_bytes[i];
    return largest;
}

/* The network on paper. One that is too large to be planned does not fit. */
static int look_at_memory(proposal *p, const settings *c)
{
    const device_info *d = p->device.info;
    params *of = NULL;
    network *n = NULL;
    p->fits = false;
    p->bytes = 0;
    if (freezing_params(&of, NULL, c, 1))
        return -1;
    int result = network_new(&n, of, c, p->batch, NETWORK_TRAIN);
    if (!result) {
        p->bytes = n->plan->planned_bytes + COPIES * sizeof(float) * params_total(of);
        p->fits = p->bytes <= memory_of(d) / 2 &&
                  (!d || largest_buffer(n->plan) <= (size_t)d->max_allocation);
    } else if (error_status() != STATUS_MEMORY) {
        error_clear();
        result = 0;
    }
    network_free(n);
    params_free(of);
    return result;
}

static int try_network(proposal *p, const surveys *s, int filters, int batch)
{
    settings *c;
    p->filters = filters;
    p->batch = batch;
    choose_length(p, s);
    char *text = proposal_write(p, s);
    int result = text ? settings_parse_alone(&c, text, "the new config") : -1;
    free(text);
    if (result)
        return -1;
    result = look_at_memory(p, c);
    settings_free(c);
    return result;
}

/* The larger network only where its usual batch fits. */
static int choose_network(proposal *p, const surveys *s)
{
    if (p->on_gpu && try_network(p, s, 64, BATCH))
        return -1;
    for (int batch = BATCH; !p->fits && batch >= LEAST_BATCH; batch /= 2)
        if (try_network(p, s, 32, batch))
            return -1;
    return 0;
}

/* ---- All of it ---- */

int proposal_make(proposal *p, const surveys *s, const struct proposal_device *device)
{
    const survey *gray, *colour;
    settings *defaults;
    *p = (proposal){.device = *device};
    p->on_gpu = device->info && !device_is_cpu(device->info);
    if (check_images(s, &gray, &colour) || choose_names(p, s) ||
        settings_parse_alone(&defaults, "", "the defaults"))
        return -1;
    choose_channels(p, s, gray);
    choose_size(p, s, gray || colour);
    choose_longest_side(p, s, defaults->data.cache_limit);
    settings_free(defaults);
    return choose_network(p, s);
}

/* Whether a config names the folders that were looked at. */
static bool names_folders(const settings *c, const surveys *s)
{
    bool same = c->data.mixture.sources == s->count;
    for (int k = 0; same && k < s->count; k++) {
        const char *source = c->data.directories[k];
        char *path = *source == '/' ? copy_text(source) : path_join(c->data.directory, source);
        same = path && file_is_same(path, s->of[k].path);
        free(path);
    }
    return same;
}

char *proposal_config(const proposal *p, const surveys *s)
{
    settings *c = NULL;
    char *text = proposal_write(p, s);
    if (!text || settings_parse_alone(&c, text, "the new config")) {
        free(text);
        return NULL;
    }
    if (!names_folders(c, s)) {
        fail(STATUS_RUNTIME, "the new config does not name the folders: they have moved meanwhile");
        free(text);
        text = NULL;
    }
    settings_free(c);
    return text;
}
