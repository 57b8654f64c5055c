#include "evaluate/pictures.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/mixer.h"
#include "evaluate/result_panel.h"
#include "models/model_file.h"
#include "models/trained.h"
#include <stdio.h>
#include <stdlib.h>

/* What is drawn: results in memory of one's own. */
typedef struct values {
    mixture mixture;
    int rows;
    float *blends, *truths, *outputs; /* as in results */
} values;

static mixture mixture_of(const settings *s)
{
    static const char *const keys[SOURCES] = {"data.name_a", "data.name_b"};
    mixture m = {.sources = SOURCES, .format = {IMAGE_SIZE, IMAGE_SIZE, 1}};
    for (int k = 0; k < SOURCES; k++)
        snprintf(m.names[k], sizeof m.names[k], "%s", settings_text(s, keys[k]));
    return m;
}

static int values_new(values *v, const settings *s, int rows)
{
    *v = (values){.mixture = mixture_of(s), .rows = rows};
    size_t size = image_values(v->mixture.format), sources = (size_t)v->mixture.sources;
    v->blends = allocate((size_t)rows * size, sizeof *v->blends);
    v->truths = allocate((size_t)rows * size * sources, sizeof *v->truths);
    v->outputs = allocate((size_t)rows * size * sources, sizeof *v->outputs);
    return v->blends && v->truths && v->outputs ? 0 : -1;
}

static void values_release(values *v)
{
    free(v->blends);
    free(v->truths);
    free(v->outputs);
}

/* ---- The network ---- */

/* One source's tensor of its own (rows, height, width, 1) into `all`, with all side by side. */
static int gather(const values *v, device *d, cl_mem own, int source, float *all)
{
    size_t count = (size_t)v->rows * image_values(v->mixture.format);
    float *one = allocate(count, sizeof *one);
    int result = one ? buffer_read(d, own, 0, one, count * sizeof *one) : -1;
    for (size_t i = 0; i < count && !result; i++)
        all[i * (size_t)v->mixture.sources + (size_t)source] = one[i];
    free(one);
    return result;
}

/* Pairs from the device's generator, and what the network makes of them. */
static int run_network(values *v, network *n, mixer *pairs, cl_mem truths[SOURCES],
                       unsigned long seed)
{
    device *d = n->params->device;
    size_t bytes = (size_t)v->rows * image_values(v->mixture.format) * sizeof(float);
    if (mixer_batch(pairs, SPLIT_TEST, seed, STREAM_MIX, 0, v->rows, n->mixture->data, truths[0],
                    truths[1]) ||
        network_forward(n) || buffer_read(d, n->mixture->data, 0, v->blends, bytes))
        return -1;
    for (int k = 0; k < SOURCES; k++)
        if (gather(v, d, truths[k], k, v->truths) ||
            gather(v, d, n->outputs[k]->data, k, v->outputs))
            return -1;
    return 0;
}

static int compute(values *v, device *d, const settings *s, const safetensors *weights,
                   const char *path)
{
    size_t bytes = (size_t)v->rows * image_values(v->mixture.format) * sizeof(float);
    trained t = {0};
    mixer *pairs = NULL;
    cl_mem truths[SOURCES] = {NULL};
    int result = -1;
    if (!mixer_open(&pairs, d, s, true) && !trained_open(&t, d, s, weights, path, v->rows) &&
        !buffer_new(d, bytes, "truth A", &truths[0]) &&
        !buffer_new(d, bytes, "truth B", &truths[1]))
        result =
            run_network(v, t.network, pairs, truths, (unsigned long)settings_int(s, "train.seed"));
    for (int k = 0; k < SOURCES; k++)
        buffer_free(d, &truths[k]);
    trained_close(&t);
    mixer_close(pairs);
    return result;
}

/* ---- The pictures ---- */

static int draw(const values *v, const char *model, const char *run_directory)
{
    const results r = {&v->mixture, v->rows, v->blends, v->truths, v->outputs, model};
    char *path = path_join(run_directory, PANEL_PICTURE_NAME);
    int result = path ? result_panel_write(path, &r) : -1;
    free(path);
    return result;
}

int picture_panel(device *d, const settings *s, const safetensors *weights, const char *path,
                  const char *run_directory, int rows)
{
    if (rows < 1 || rows > PANEL_ROWS_MOST)
        return fail(STATUS_USAGE, "%s/%s: not written: %d rows (allowed: 1 to %d)", run_directory,
                    PANEL_PICTURE_NAME, rows, PANEL_ROWS_MOST);
    values v;
    int result =
        values_new(&v, s, rows) || compute(&v, d, s, weights, path) || draw(&v, path, run_directory)
            ? -1
            : 0;
    values_release(&v);
    return result;
}

int pictures_write(device *d, const settings *s, const char *run_directory)
{
    model_file m;
    char *path = path_join(run_directory, "model.safetensors");
    int result = -1;
    if (path && !picture_history(run_directory) && !model_open(path, NULL, 0, &m)) {
        result = picture_panel(d, s, m.tensors, path, run_directory, PANEL_ROWS);
        model_close(&m);
    }
    free(path);
    return result;
}
