#include "plot/result_panel.h"

#include "base/error.h"
#include "base/memory.h"
#include "image/panel.h"
#include "image/pixels.h"
#include "models/trained.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A good model's errors are too small to be seen as they are. */
enum { ERROR_GAIN = 4 };

/* The sides of cells (panel.h). Pictures above the first are drawn in larger ones, if the panel
 * does not become too high for it. */
enum { CELL_SIDE = 128, LARGE_CELL_SIDE = 256, LARGE_ROWS_MOST = 50 };

/* The columns: the blend, then each of these for every source. */
enum { TRUTH, OUTPUT, ERROR, KINDS };
enum { COLUMNS_MOST = 1 + KINDS * SOURCES_MAX };

typedef struct drawing {
    const results *results;
    int columns;
    float *errors;               /* as truths */
    unsigned char *pixels;       /* (count, columns, height, width, channels) */
    const unsigned char **cells; /* (count, columns), into pixels */
} drawing;

/* Values of all sources in one row. */
static size_t row_values(const mixture *m)
{
    return image_values(m->format) * (size_t)m->sources;
}

/* Made of the values as they are, before any are clipped. */
static void compute_errors(drawing *d)
{
    const results *r = d->results;
    size_t count = (size_t)r->count * row_values(r->mixture);
    for (size_t i = 0; i < count; i++)
        d->errors[i] = ERROR_GAIN * fabsf(r->truths[i] - r->outputs[i]);
}

/* ---- Cells ---- */

static bool fill_cell(const drawing *d, int row, int column, unsigned char *pixels)
{
    const results *r = d->results;
    const mixture *m = r->mixture;
    const struct image_format f = m->format;
    if (!column)
        return values_to_pixels(r->blends + (size_t)row * image_values(f), f, f.channels, pixels);
    const float *const kinds[KINDS] = {r->truths, r->outputs, d->errors};
    int kind = (column - 1) / m->sources, source = (column - 1) % m->sources;
    const float *values = kinds[kind] + (size_t)row * row_values(m) + source * f.channels;
    return values_to_pixels(values, f, m->sources * f.channels, pixels);
}

static int fill_cells(drawing *d)
{
    size_t size = image_values(d->results->mixture->format);
    for (int i = 0; i < d->results->count * d->columns; i++) {
        unsigned char *pixels = d->pixels + (size_t)i * size;
        if (!fill_cell(d, i / d->columns, i % d->columns, pixels))
            return trained_output_failed(d->results->model, "");
        d->cells[i] = pixels;
    }
    return 0;
}

/* ---- The panel ---- */

static int cell_side(const results *r)
{
    const struct image_format f = r->mixture->format;
    bool large = f.height > CELL_SIDE || f.width > CELL_SIDE;
    return large && r->count <= LARGE_ROWS_MOST ? LARGE_CELL_SIDE : CELL_SIDE;
}

static void write_title(int kind, const char *source, char *title, size_t size)
{
    if (kind == ERROR)
        snprintf(title, size, "error x%d\n%s", ERROR_GAIN, source);
    else
        snprintf(title, size, "%s\n%s", kind == TRUTH ? "truth" : "result", source);
}

static int write_panel(const drawing *d, const char *path)
{
    const mixture *m = d->results->mixture;
    char texts[COLUMNS_MOST][SOURCE_NAME_MAX + 16];
    const char *titles[COLUMNS_MOST] = {"input"};
    for (int i = 1; i < d->columns; i++) {
        write_title((i - 1) / m->sources, m->names[(i - 1) % m->sources], texts[i],
                    sizeof texts[i]);
        titles[i] = texts[i];
    }
    return panel_write(path, &(panel){.rows = d->results->count,
                                      .columns = d->columns,
                                      .format = m->format,
                                      .cells = d->cells,
                                      .column_titles = titles,
                                      .side = cell_side(d->results)});
}

int result_panel_write(const char *path, const results *r)
{
    const mixture *m = r->mixture;
    size_t rows = (size_t)r->count;
    drawing d = {.results = r, .columns = 1 + KINDS * m->sources};
    size_t cells = rows * (size_t)d.columns;
    int result = -1;
    d.errors = allocate(rows * row_values(m), sizeof *d.errors);
    d.pixels = allocate(cells, image_values(m->format));
    d.cells = allocate(cells, sizeof *d.cells);
    if (d.errors && d.pixels && d.cells) {
        compute_errors(&d);
        result = fill_cells(&d) ? -1 : write_panel(&d, path);
    }
    free(d.errors);
    free(d.pixels);
    free(d.cells);
    return result;
}
