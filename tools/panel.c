/*
 * Draws what `unblend mix` made and `unblend separate` found in it as one picture: a row each for
 * the inputs, the truths and the results, a column for each of the first blended images.
 *
 *     panel MIXED SEPARATED PANEL.png mnist fashion
 *
 * The sources' names are those of the model. Pictures are of any size, but all of the same; if they
 * are in colour, so is the panel.
 */
#include "image/panel.h"
#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "data/folder.h"
#include "image/image.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 1 + 2 * SOURCES_MAX, COLUMNS = 10, SIDE = 96 };

typedef struct drawing {
    const char *mixed, *separated;
    char **names; /* of the sources */
    int sources, rows, columns;
    struct image cells[ROWS_MOST * COLUMNS]; /* (rows, columns) */
} drawing;

static void release(drawing *d)
{
    for (int i = 0; i < ROWS_MOST * COLUMNS; i++)
        image_release(&d->cells[i]);
}

/* directory/NAME.SOURCE.png for the input NAME.png */
static char *path_of(const char *directory, const char *input, const char *source)
{
    const char *dot = strrchr(input, '.');
    int length = dot ? (int)(dot - input) : (int)strlen(input);
    return format_text("%s/%.*s.%s.png", directory, length, input, source);
}

/* The first picture says in which format the others must be. */
static int read_cell(drawing *d, int row, int column, char *path)
{
    struct image *cell = &d->cells[row * d->columns + column];
    const struct image *first = &d->cells[0];
    int result = path ? image_read(path, first->channels, cell) : -1;
    if (!result && (cell->width != first->width || cell->height != first->height))
        result = fail(STATUS_DATA, "%s: %d x %d pixels; the first picture has %d x %d", path,
                      cell->width, cell->height, first->width, first->height);
    free(path);
    return result;
}

static int read_column(drawing *d, int column, const char *input)
{
    char *truths = path_join(d->mixed, "truth");
    int result = truths ? read_cell(d, 0, column, path_join(d->mixed, input)) : -1;
    for (int k = 0; k < d->sources && !result; k++) {
        result = read_cell(d, 1 + k, column, path_of(truths, input, d->names[k])) ||
                         read_cell(d, 1 + d->sources + k, column,
                                   path_of(d->separated, input, d->names[k]))
                     ? -1
                     : 0;
    }
    free(truths);
    return result;
}

static int read_all(drawing *d)
{
    folder mixed;
    if (folder_list(d->mixed, &mixed))
        return -1;
    d->columns = mixed.pictures.count < COLUMNS ? (int)mixed.pictures.count : COLUMNS;
    int result = 0;
    for (int i = 0; i < d->columns && !result; i++)
        result = read_column(d, i, mixed.pictures.names[i]);
    folder_release(&mixed);
    return result;
}

static int draw(const drawing *d, const char *path)
{
    const struct image *first = &d->cells[0];
    const unsigned char *cells[ROWS_MOST * COLUMNS];
    char texts[ROWS_MOST][64];
    const char *titles[ROWS_MOST] = {"input"};
    for (int i = 1; i < d->rows; i++) {
        snprintf(texts[i], sizeof texts[i], "%s: %s", i <= d->sources ? "truth" : "result",
                 d->names[(i - 1) % d->sources]);
        titles[i] = texts[i];
    }
    for (int i = 0; i < d->rows * d->columns; i++)
        cells[i] = d->cells[i].pixels;
    return panel_write(path, &(panel){.rows = d->rows,
                                      .columns = d->columns,
                                      .format = {first->height, first->width, first->channels},
                                      .cells = cells,
                                      .row_titles = titles,
                                      .side = SIDE});
}

int main(int argc, char **argv)
{
    int sources = argc - 4;
    if (sources < SOURCES_MIN || sources > SOURCES_MAX) {
        fprintf(stderr, "usage: panel MIXED SEPARATED PANEL.png SOURCE SOURCE...\n");
        return STATUS_USAGE;
    }
    drawing d = {.mixed = argv[1],
                 .separated = argv[2],
                 .names = argv + 4,
                 .sources = sources,
                 .rows = 1 + 2 * sources};
    int result = read_all(&d) ? -1 : draw(&d, argv[3]);
    release(&d);
    if (!result)
        return STATUS_OK;
    fprintf(stderr, "panel: %s\n", error_message());
    return (int)error_status();
}
