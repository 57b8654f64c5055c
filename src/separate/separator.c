#include "separate/separator.h"

#include "base/error.h"
#include "base/memory.h"
#include "compute/open_device.h"
#include "image/pixels.h"
#include "models/network.h"
#include "models/trained.h"
#include "separate/sizes.h"
#include <stdlib.h>

struct separator {
    device *device;
    params *params;
    settings *settings;
    char *path; /* of the model, for messages */
    mixture mixture;
    network *network; /* planned for the largest batch so far; NULL: to be planned */
    int batch_limit;
    float *values;  /* (batch, height, width, channels): what goes up */
    float *results; /* (batch, height, width, sources * channels): what comes down */
};

static void drop_plan(separator *s)
{
    network_free(s->network);
    free(s->values);
    free(s->results);
    s->network = NULL;
    s->values = s->results = NULL;
}

/* A network for `batch` pictures at a time, in place of the one there is; the params stay. */
static int plan_for(separator *s, int batch)
{
    size_t values = (size_t)batch * image_values(s->mixture.format);
    drop_plan(s);
    s->values = allocate(values, sizeof *s->values);
    s->results = allocate(values, (size_t)s->mixture.sources * sizeof *s->results);
    if (!s->values || !s->results)
        return -1;
    return network_new(&s->network, s->params, s->settings, batch, NETWORK_INFER);
}

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

int separator_open(separator **out, const char *path, const model_file *file, int batch)
{
    separator *s = allocate(1, sizeof *s);
    if (!s)
        return -1;
    s->batch_limit = batch;
    s->mixture = file->mixture;
    if (!(s->path = copy_text(path)) ||
        settings_derive(&s->settings, file->settings, NULL, 0, true) ||
        open_device_for_inference(&s->device, &s->settings->device) ||
        params_new(&s->params, s->device) || plan_for(s, 1) || params_allocate(s->params, false) ||
        params_load(s->params, file->tensors, path) || network_prepare(s->network) || run_black(s))
        goto failed;
    *out = s;
    return 0;
failed:
    separator_close(s);
    return -1;
}

void separator_close(separator *s)
{
    if (!s)
        return;
    drop_plan(s);
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
    return s->batch_limit;
}

/* ---- Running ---- */

static void put_picture(const separation *item, struct image_format format, float *values)
{
    if (item->type == PIXELS_FLOATS)
        floats_to_values(item->mixture, item->height, item->width, values, format, format.channels);
    else
        pixels_to_values(item->mixture, item->height, item->width, values, format, format.channels);
}

/* Source k of the results of one picture. False if a value is not a number. */
static bool take_source(const separation *item, const mixture *m, int k, const float *results)
{
    int stride = m->sources * m->format.channels;
    const float *from = results + k * m->format.channels;
    return item->type == PIXELS_FLOATS ? values_to_floats(from, m->format, stride, item->sources[k],
                                                          item->height, item->width)
                                       : values_to_pixels(from, m->format, stride, item->sources[k],
                                                          item->height, item->width);
}

/* count is at most the network's batch; what is behind it is computed and dropped. */
static int run_batch(separator *s, separation *items, size_t count)
{
    const mixture *m = &s->mixture;
    size_t size = image_values(m->format), bytes = count * size * sizeof *s->values;
    for (size_t i = 0; i < count; i++)
        put_picture(&items[i], m->format, s->values + i * size);
    if (buffer_write(s->device, s->network->input->data, 0, s->values, bytes) ||
        network_forward(s->network) ||
        buffer_read(s->device, s->network->output->data, 0, s->results, (size_t)m->sources * bytes))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const float *results = s->results + i * size * (size_t)m->sources;
        items[i].overflowed = false;
        for (int k = 0; k < m->sources; k++)
            if (!take_source(&items[i], m, k, results))
                items[i].overflowed = true;
    }
    return 0;
}

/* After a failure a smaller batch may still succeed. */
static int grow_plan(separator *s, int batch)
{
    if (s->network && batch <= s->network->batch)
        return 0;
    if (!plan_for(s, batch) && !network_prepare(s->network))
        return 0;
    drop_plan(s);
    return -1;
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
    for (size_t i = 0; i < count; i++)
        if (sizes_check(&s->mixture, items[i].width, items[i].height))
            return -1;
    if (!count)
        return 0;
    int batch = count < (size_t)s->batch_limit ? (int)count : s->batch_limit;
    if (grow_plan(s, batch))
        return -1;
    batch = s->network->batch;
    for (size_t done = 0; done < count; done += (size_t)batch) {
        size_t left = count - done;
        if (run_batch(s, items + done, left < (size_t)batch ? left : (size_t)batch))
            return -1;
    }
    return 0;
}
