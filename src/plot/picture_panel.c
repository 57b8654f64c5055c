#include "plot/pictures.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/batches.h"
#include "models/model_file.h"
#include "models/trained.h"
#include "plot/result_panel.h"
#include <stdlib.h>

/* What is drawn: results in memory of one's own. */
typedef struct values {
    mixture mixture;
    int rows;
    float *blends, *truths, *outputs; /* as in results */
} values;

static int values_new(values *v, const mixture *m, int rows)
{
    *v = (values){.mixture = *m, .rows = rows};
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

/* Pairs from the device's generator, and what the network makes of them. */
static int run_network(values *v, network *n, batches *pairs, cl_mem truth, uint64_t seed)
{
    device *d = n->params->device;
    size_t bytes = (size_t)v->rows * image_values(v->mixture.format) * sizeof(float),
           all = bytes * (size_t)v->mixture.sources;
    return batches_next(pairs, SPLIT_TEST, seed, STREAM_MIX, 0, v->rows, n->input->data, truth) ||
                   network_forward(n) || network_arrange(n, truth) ||
                   buffer_read(d, n->input->data, 0, v->blends, bytes) ||
                   buffer_read(d, truth, 0, v->truths, all) ||
                   buffer_read(d, n->output->data, 0, v->outputs, all)
               ? -1
               : 0;
}

static int compute(values *v, device *d, const settings *s, const safetensors *weights,
                   const char *path)
{
    size_t bytes = (size_t)v->rows * image_values(v->mixture.format) * sizeof(float);
    trained t = {0};
    batches *pairs = NULL;
    cl_mem truth = NULL;
    int result = -1;
    if (!batches_open(&pairs, d, &s->data, (uint64_t)s->train.seed, true) &&
        !trained_open(&t, d, s, weights, path, v->rows, NETWORK_INFER) &&
        !buffer_new(d, bytes * (size_t)v->mixture.sources, "truths", &truth))
        result = run_network(v, t.network, pairs, truth, (uint64_t)s->train.seed);
    buffer_free(d, &truth);
    trained_close(&t);
    batches_close(pairs);
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
    int result = values_new(&v, &s->data.mixture, rows) || compute(&v, d, s, weights, path) ||
                         draw(&v, path, run_directory)
                     ? -1
                     : 0;
    values_release(&v);
    return result;
}

int pictures_write(device *d, const settings *s, const char *run_directory)
{
    model_file m;
    char *path = path_join(run_directory, MODEL_NAME);
    int result = -1;
    if (path && !picture_history(run_directory) && !model_open(path, NULL, 0, &m)) {
        result = picture_panel(d, s, m.tensors, path, run_directory, PANEL_ROWS);
        model_close(&m);
    }
    free(path);
    return result;
}
