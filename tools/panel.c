/*
 * Draws what `unblend mix` made and what `unblend separate` found in it, once or twice, as one picture: a
 * column for each of the first blended images; rows for the inputs and, of each source, the truths and the
 * results.
 *
 *     panel PANEL.png MIXED mnist,fashion result=SEPARATED [other=SEPARATED]
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

enum { RESULTS_MOST = 2, KINDS_MOST = 1 + RESULTS_MOST };
enum { ROWS_MOST = 1 + KINDS_MOST * SOURCES_MAX, COLUMNS = 10, SIDE = 96 };

/* Where pictures of every source lie, and what they are. */
typedef struct kind {
    char *title, *directory;
} kind;

typedef struct drawing {
    const char *mixed;
    char *names[SOURCES_MAX];
    int sources, columns, kind_count;
    kind kinds[KINDS_MOST];
    struct image cells[ROWS_MOST * COLUMNS]; /* (rows, columns) */
} drawing;

static int row_count(const drawing *d)
{
    return 1 + d->sources * d->kind_count;
}

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
    if (read_cell(d, 0, column, path_join(d->mixed, input)))
        return -1;
    for (int row = 1; row < row_count(d); row++) {
        const kind *of = &d->kinds[(row - 1) % d->kind_count];
        const char *source = d->names[(row - 1) / d->kind_count];
        if (read_cell(d, row, column, path_of(of->directory, input, source)))
            return -1;
    }
    return 0;
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
    int rows = row_count(d);
    for (int i = 1; i < rows; i++) {
        snprintf(texts[i], sizeof texts[i], "%s: %s", d->kinds[(i - 1) % d->kind_count].title,
                 d->names[(i - 1) / d->kind_count]);
        titles[i] = texts[i];
    }
    for (int i = 0; i < rows * d->columns; i++)
        cells[i] = d->cells[i].pixels;
    return panel_write(path, &(panel){.rows = rows,
                                      .columns = d->columns,
                                      .format = {first->height, first->width, first->channels},
                                      .cells = cells,
                                      .row_titles = titles,
                                      .side = SIDE});
}

/* "mnist,fashion" */
static bool take_names(drawing *d, char *text)
{
    for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
        if (d->sources == SOURCES_MAX)
            return false;
        d->names[d->sources++] = name;
    }
    return d->sources >= SOURCES_MIN;
}

/* "title=directory" */
static bool take_result(drawing *d, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || d->kind_count == KINDS_MOST)
        return false;
    *equals = '\0';
    d->kinds[d->kind_count++] = (kind){text, equals + 1};
    return true;
}

int main(int argc, char **argv)
{
    drawing d = {0};
    bool right = argc >= 5 && take_names(&d, argv[3]);
    char *truths = right ? path_join(argv[2], "truth") : NULL;
    d.mixed = right ? argv[2] : NULL;
    d.kinds[d.kind_count++] = (kind){"truth", truths};
    for (int i = 4; right && i < argc; i++)
        right = take_result(&d, argv[i]);
    if (!right) {
        fprintf(stderr,
                "usage: panel PANEL.png MIXED SOURCE,SOURCE TITLE=SEPARATED [TITLE=SEPARATED]\n");
        free(truths);
        return STATUS_USAGE;
    }
    int result = !truths || read_all(&d) ? -1 : draw(&d, argv[1]);
    release(&d);
    free(truths);
    if (!result)
        return STATUS_OK;
    fprintf(stderr, "panel: %s\n", error_message());
    return (int)error_status();
}
