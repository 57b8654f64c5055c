#include "separate/separator.h"

#include "base/error.h"
#include "base/memory.h"
#include "models/open_device.h"
#include <math.h>
#include <stdlib.h>

enum { SMALL_SIZE = 28, PIXELS = IMAGE_SIZE * IMAGE_SIZE };

struct separator {
    device *device;
    params *params;
    settings *settings;
    char *path;       /* of the model, for messages */
    network *network; /* planned for the largest batch so far; NULL: to be planned */
    int batch_limit;
    float *values; /* (batch, 32, 32): what goes up and comes down */
};

/* A network for `batch` pictures at a time, in place of the one there is; the params stay. */
static int plan_for(separator *s, int batch)
{
    network_free(s->network);
    s->network = NULL;
    free(s->values);
    s->values = allocate((size_t)batch * PIXELS, sizeof *s->values);
    return s->values ? network_new(&s->network, s->params, s->settings, batch, NETWORK_INFER) : -1;
}

/* Compiles the kernels now, so that no timing includes it, and finds weights that are not numbers
 * before anybody waits for results. */
static int run_black(separator *s)
{
    unsigned char black[PIXELS] = {0}, sources[SOURCES][PIXELS];
    separation item = {.width = IMAGE_SIZE,
                       .height = IMAGE_SIZE,
                       .mixture = black,
                       .sources = {sources[0], sources[1]}};
    if (separator_run(s, &item, 1))
        return -1;
    return item.overflowed
               ? fail(STATUS_DATA,
                      "%s: the model's output is not a number for a black picture; its weights are "
                      "damaged, or the device is (`unblend selftest`)",
                      s->path)
               : 0;
}

int separator_open(separator **out, const char *path, model_file *file, int batch)
{
    separator *s = allocate(1, sizeof *s);
    if (!s)
        return -1;
    s->settings = file->settings;
    file->settings = NULL;
    s->batch_limit = batch;
    if (!(s->path = copy_text(path)) || open_device(&s->device, &s->settings->device) ||
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
    network_free(s->network);
    params_free(s->params);
    device_close(s->device);
    settings_free(s->settings);
    free(s->values);
    free(s->path);
    free(s);
}

const char *separator_source_name(const separator *s, int source)
{
    return s->settings->data.mixture.names[source];
}

const char *separator_device_name(const separator *s)
{
    return s->device->info.name;
}

int separator_check_size(int width, int height)
{
    if (width == height && (width == IMAGE_SIZE || width == SMALL_SIZE))
        return 0;
    return fail(STATUS_DATA, "%d x %d pixels; only %d x %d and %d x %d can be separated", width,
                height, SMALL_SIZE, SMALL_SIZE, IMAGE_SIZE, IMAGE_SIZE);
}

/* ---- Pixels and values ---- */

/* Bytes 0..255 as 0..1, in the middle of (32, 32) that are 0 outside. */
static void to_values(const separation *item, float *values)
{
    int border = (IMAGE_SIZE - item->width) / 2;
    for (int i = 0; i < PIXELS; i++)
        values[i] = 0;
    for (int y = 0; y < item->height; y++)
        for (int x = 0; x < item->width; x++)
            values[(y + border) * IMAGE_SIZE + x + border] =
                (float)item->mixture[y * item->width + x] / 255;
}

/* The reverse: clipped to 0..1, rounded half up, cropped to the picture's own size. False if a value
 * is not a number. */
static bool to_pixels(const float *values, const separation *item, unsigned char *pixels)
{
    int border = (IMAGE_SIZE - item->width) / 2;
    for (int y = 0; y < item->height; y++) {
        for (int x = 0; x < item->width; x++) {
            float value = values[(y + border) * IMAGE_SIZE + x + border];
            if (!isfinite(value))
                return false;
            value = value < 0 ? 0 : value > 1 ? 1 : value;
            pixels[y * item->width + x] = (unsigned char)(value * 255 + 0.5f);
        }
    }
    return true;
}

/* ---- Running ---- */

/* count is at most the network's batch; what stands behind it is computed and dropped. */
static int run_batch(separator *s, separation *items, size_t count)
{
    size_t bytes = count * PIXELS * sizeof *s->values;
    for (size_t i = 0; i < count; i++) {
        to_values(&items[i], s->values + i * PIXELS);
        items[i].overflowed = false;
    }
    if (buffer_write(s->device, s->network->mixture->data, 0, s->values, bytes) ||
        network_forward(s->network))
        return -1;
    for (int k = 0; k < SOURCES; k++) {
        if (buffer_read(s->device, s->network->outputs[k]->data, 0, s->values, bytes))
            return -1;
        for (size_t i = 0; i < count; i++)
            if (!to_pixels(s->values + i * PIXELS, &items[i], items[i].sources[k]))
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
    network_free(s->network);
    s->network = NULL;
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
        if (separator_check_size(items[i].width, items[i].height))
            return -1;
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
