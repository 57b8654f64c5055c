/*
 * Draws what `unblend mix` made and `unblend separate` found in it as one picture: a row each for
 * the inputs, the two truths and the two results, a column for each of the first blended images.
 *
 *     panel MIXED SEPARATED PANEL.png mnist fashion
 *
 * The sources' names are those of the model.
 */
#include "image/panel.h"
#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "data/folder.h"
#include "image/image.h"
#include "models/network.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5, COLUMNS = 10, SCALE = 3 };

typedef struct drawing {
    const char *mixed, *separated;
    const char *sources[SOURCES];
    int columns;
    struct image cells[ROWS * COLUMNS]; /* (ROWS, columns) */
} drawing;

static void release(drawing *d)
{
    for (int i = 0; i < ROWS * COLUMNS; i++)
        image_release(&d->cells[i]);
}

/* directory/NAME.suffix for the input NAME.png */
static char *path_of(const char *directory, const char *input, const char *suffix)
{
    const char *dot = strrchr(input, '.');
    return format_text("%s/%.*s.%s", directory, (int)(dot - input), input, suffix);
}

static int read_cell(drawing *d, int row, int column, char *path)
{
    struct image *cell = &d->cells[row * d->columns + column];
    int result = path ? image_read(path, 1, cell) : -1;
    if (!result && (cell->width != IMAGE_SIZE || cell->height != IMAGE_SIZE))
        result = fail(STATUS_DATA, "%s: %d x %d pixels; the panel shows %d x %d", path, cell->width,
                      cell->height, IMAGE_SIZE, IMAGE_SIZE);
    free(path);
    return result;
}

static int read_column(drawing *d, int column, const char *input)
{
    char suffix[64], *truths = path_join(d->mixed, "truth");
    int result = truths ? read_cell(d, 0, column, path_join(d->mixed, input)) : -1;
    for (int i = 0; i < SOURCES && !result; i++) {
        snprintf(suffix, sizeof suffix, "%s.png", d->sources[i]);
        result = read_cell(d, 1 + i, column, path_of(truths, input, suffix)) ||
                         read_cell(d, 3 + i, column, path_of(d->separated, input, suffix))
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
    const unsigned char *cells[ROWS * COLUMNS];
    char titles[ROWS][64] = {"input"};
    const char *rows[ROWS];
    for (int i = 0; i < SOURCES; i++) {
        snprintf(titles[1 + i], sizeof titles[0], "truth: %s", d->sources[i]);
        snprintf(titles[3 + i], sizeof titles[0], "result: %s", d->sources[i]);
    }
    for (int i = 0; i < ROWS; i++)
        rows[i] = titles[i];
    for (int i = 0; i < ROWS * d->columns; i++)
        cells[i] = d->cells[i].pixels;
    return panel_write(path, &(panel){ROWS, d->columns, IMAGE_SIZE, IMAGE_SIZE, cells,
                                      .row_titles = rows, .scale = SCALE});
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: panel MIXED SEPARATED PANEL.png SOURCE_A SOURCE_B\n");
        return STATUS_USAGE;
    }
    drawing d = {.mixed = argv[1], .separated = argv[2], .sources = {argv[4], argv[5]}};
    int result = read_all(&d) ? -1 : draw(&d, argv[3]);
    release(&d);
    if (!result)
        return STATUS_OK;
    fprintf(stderr, "panel: %s\n", error_message());
    return (int)error_status();
}
