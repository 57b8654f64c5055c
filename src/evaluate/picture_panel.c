#include "evaluate/pictures.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/streams.h"
#include "data/mixer.h"
#include "image/panel.h"
#include "models/model_file.h"
#include "models/trained.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIXELS = IMAGE_SIZE * IMAGE_SIZE, SCALE = 4 };

/* A good model's errors are too small to be seen as they are. */
enum { ERROR_GAIN = 4 };

enum {
    INPUT,
    TRUTH,
    RESULT = TRUTH + SOURCES,
    ERROR = RESULT + SOURCES,
    COLUMNS = ERROR + SOURCES
};

typedef struct drawing {
    int rows;
    float *values;         /* (COLUMNS, rows, PIXELS), 0..1 */
    unsigned char *pixels; /* the same as bytes */
} drawing;

static float *column_values(const drawing *d, int column)
{
    return d->values + (size_t)column * (size_t)d->rows * PIXELS;
}

/* ---- Values ---- */

/* Pairs from the device's generator, and what the network makes of them. */
static int run_network(drawing *to, network *n, mixer *pairs, cl_mem truths[SOURCES],
                       unsigned long seed)
{
    device *d = n->params->device;
    size_t bytes = (size_t)to->rows * PIXELS * sizeof(float);
    if (mixer_batch(pairs, SPLIT_TEST, seed, STREAM_MIX, 0, to->rows, n->mixture->data, truths[0],
                    truths[1]) ||
        network_forward(n) || buffer_read(d, n->mixture->data, 0, column_values(to, INPUT), bytes))
        return -1;
    for (int k = 0; k < SOURCES; k++)
        if (buffer_read(d, truths[k], 0, column_values(to, TRUTH + k), bytes) ||
            buffer_read(d, n->outputs[k]->data, 0, column_values(to, RESULT + k), bytes))
            return -1;
    return 0;
}

static int compute(drawing *to, device *d, const settings *s, const safetensors *weights,
                   const char *path)
{
    size_t bytes = (size_t)to->rows * PIXELS * sizeof(float);
    trained t = {0};
    mixer *pairs = NULL;
    cl_mem truths[SOURCES] = {NULL};
    int result = -1;
    if (!mixer_open(&pairs, d, s, true) && !trained_open(&t, d, s, weights, path, to->rows) &&
        !buffer_new(d, bytes, "truth A", &truths[0]) &&
        !buffer_new(d, bytes, "truth B", &truths[1]))
        result = run_network(to, t.network, pairs, truths, (unsigned long)s->train.seed);
    for (int k = 0; k < SOURCES; k++)
        buffer_free(d, &truths[k]);
    trained_close(&t);
    mixer_close(pairs);
    return result;
}

static void compute_errors(drawing *d)
{
    for (int k = 0; k < SOURCES; k++) {
        const float *truth = column_values(d, TRUTH + k), *result = column_values(d, RESULT + k);
        float *error = column_values(d, ERROR + k);
        for (size_t i = 0; i < (size_t)d->rows * PIXELS; i++)
            error[i] = ERROR_GAIN * fabsf(truth[i] - result[i]);
    }
}

/* ---- Drawing ---- */

/* Clipped to 0..1, rounded half up. */
static int to_pixels(drawing *d, const char *path)
{
    for (size_t i = 0; i < (size_t)COLUMNS * (size_t)d->rows * PIXELS; i++) {
        float value = d->values[i];
        if (!isfinite(value))
            return fail(STATUS_DATA,
                        "%s: the model's output is not a number; its weights are damaged, or the "
                        "device is (`unblend selftest`)",
                        path);
        value = value < 0 ? 0 : value > 1 ? 1 : value;
        d->pixels[i] = (unsigned char)(value * 255 + 0.5f);
    }
    return 0;
}

static int write_panel(const drawing *d, const settings *s, const char *run_directory)
{
    const unsigned char *cells[PANEL_ROWS_MOST * COLUMNS];
    const char *titles[COLUMNS] = {"input"};
    char texts[COLUMNS][64];
    for (int k = 0; k < SOURCES; k++) {
        const char *name = s->data.mixture.names[k];
        snprintf(texts[TRUTH + k], sizeof texts[0], "truth\n%s", name);
        snprintf(texts[RESULT + k], sizeof texts[0], "result\n%s", name);
        snprintf(texts[ERROR + k], sizeof texts[0], "error x%d\n%s", ERROR_GAIN, name);
    }
    for (int column = TRUTH; column < COLUMNS; column++)
        titles[column] = texts[column];
    for (int row = 0; row < d->rows; row++)
        for (int column = 0; column < COLUMNS; column++)
            cells[row * COLUMNS + column] = d->pixels + ((size_t)column * d->rows + row) * PIXELS;
    char *path = path_join(run_directory, PANEL_PICTURE_NAME);
    int result = path ? panel_write(path, &(panel){.rows = d->rows,
                                                   .columns = COLUMNS,
                                                   .cell_width = IMAGE_SIZE,
                                                   .cell_height = IMAGE_SIZE,
                                                   .cells = cells,
                                                   .column_titles = titles,
                                                   .scale = SCALE})
                      : -1;
    free(path);
    return result;
}

int picture_panel(device *d, const settings *s, const safetensors *weights, const char *path,
                  const char *run_directory, int rows)
{
    if (rows < 1 || rows > PANEL_ROWS_MOST)
        return fail(STATUS_USAGE, "%s/%s: not written: %d rows (allowed: 1 to %d)", run_directory,
                    PANEL_PICTURE_NAME, rows, PANEL_ROWS_MOST);
    size_t count = (size_t)COLUMNS * (size_t)rows;
    drawing drawn = {.rows = rows,
                     .values = allocate(count, PIXELS * sizeof *drawn.values),
                     .pixels = allocate(count, PIXELS)};
    int result = -1;
    if (drawn.values && drawn.pixels && !compute(&drawn, d, s, weights, path)) {
        compute_errors(&drawn);
        result = to_pixels(&drawn, path) ? -1 : write_panel(&drawn, s, run_directory);
    }
    free(drawn.values);
    free(drawn.pixels);
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
