#include "formats/panel.h"

#include "base/error.h"
#include "base/memory.h"
#include "data/image.h"
#include "formats/font.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAPER 255
#define INK 48
#define SCALE_LIMIT 16

struct canvas {
    int width, height;
    unsigned char *gray; /* (height, width) */
};

/* Sizes in pixels of the finished picture. */
struct layout {
    int rows, columns;
    int cell_width, cell_height; /* before magnification */
    int scale, letter_scale;
    int margin, gap; /* around everything; between cells */
    int title_width; /* the widest title with the space to its right; 0 without titles */
};

static int text_width(const char *text, int letter_scale)
{
    size_t letters = strnlen(text, IMAGE_SIDE_LIMIT / FONT_ADVANCE / letter_scale);
    return letters ? ((int)letters * FONT_ADVANCE - 1) * letter_scale : 0;
}

static struct layout lay_out(int rows, int columns, int cell_width, int cell_height,
                             const char *const *titles, int scale)
{
    struct layout l = {.rows = rows,
                       .columns = columns,
                       .cell_width = cell_width,
                       .cell_height = cell_height,
                       .scale = scale,
                       .letter_scale = (scale + 1) / 2,
                       .margin = 4 * scale,
                       .gap = scale};
    for (int row = 0; titles && row < rows; row++) {
        int width = text_width(titles[row], l.letter_scale) + l.margin;
        l.title_width = width > l.title_width ? width : l.title_width;
    }
    return l;
}

static int cell_left(const struct layout *l, int column)
{
    return l->margin + l->title_width + column * (l->cell_width * l->scale + l->gap);
}

static int cell_top(const struct layout *l, int row)
{
    return l->margin + row * (l->cell_height * l->scale + l->gap);
}

/* Clipped to the canvas: a title may be taller than a row of tiny cells. */
static void fill(struct canvas *c, int left, int top, int width, int height, unsigned char value)
{
    int right = left + width < c->width ? left + width : c->width;
    int bottom = top + height < c->height ? top + height : c->height;
    for (int y = top > 0 ? top : 0; y < bottom && left < right; y++)
        memset(c->gray + (size_t)y * (size_t)c->width + left, value, (size_t)(right - left));
}

static void draw_cell(struct canvas *c, const struct layout *l, int row, int column,
                      const unsigned char *cell)
{
    for (int y = 0; y < l->cell_height; y++)
        for (int x = 0; x < l->cell_width; x++)
            fill(c, cell_left(l, column) + x * l->scale, cell_top(l, row) + y * l->scale, l->scale,
                 l->scale, cell[(size_t)y * (size_t)l->cell_width + x]);
}

static void draw_letter(struct canvas *c, int left, int top, int scale, char letter)
{
    for (int y = 0; y < FONT_HEIGHT; y++)
        for (int x = 0; x < FONT_WIDTH; x++)
            if (font_pixel(letter, x, y))
                fill(c, left + x * scale, top + y * scale, scale, scale, INK);
}

/* Against the row's first cell, its lower-case letters at half height. */
static void draw_title(struct canvas *c, const struct layout *l, int row, const char *title)
{
    int left = cell_left(l, 0) - l->margin - text_width(title, l->letter_scale);
    int top = cell_top(l, row) + (l->cell_height * l->scale - FONT_HEIGHT * l->letter_scale) / 2;
    for (; *title; title++, left += FONT_ADVANCE * l->letter_scale)
        draw_letter(c, left, top, l->letter_scale, *title);
}

static void draw(struct canvas *c, const struct layout *l, const unsigned char *const *cells,
                 const char *const *titles)
{
    memset(c->gray, PAPER, (size_t)c->width * (size_t)c->height);
    for (int row = 0; row < l->rows; row++) {
        if (titles)
            draw_title(c, l, row, titles[row]);
        for (int column = 0; column < l->columns; column++)
            if (cells[row * l->columns + column])
                draw_cell(c, l, row, column, cells[row * l->columns + column]);
    }
}

static bool in_range(int value, int limit)
{
    return value >= 1 && value <= limit;
}

/* In long long, which holds the product of three numbers in range. */
static int size_canvas(const char *path, const struct layout *l, struct canvas *c)
{
    long long width = 2LL * l->margin + l->title_width - l->gap +
                      (long long)l->columns * ((long long)l->cell_width * l->scale + l->gap);
    long long height = 2LL * l->margin - l->gap +
                       (long long)l->rows * ((long long)l->cell_height * l->scale + l->gap);
    if (width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT)
        return fail(STATUS_RUNTIME, "%s: not written: a panel of %lld x %lld pixels is above %d",
                    path, width, height, IMAGE_SIDE_LIMIT);
    *c = (struct canvas){(int)width, (int)height, allocate((size_t)width, (size_t)height)};
    return c->gray ? 0 : -1;
}

int panel_write(const char *path, int rows, int columns, int cell_width, int cell_height,
                const unsigned char *const *cells, const char *const *row_titles, int scale)
{
    struct canvas canvas = {0};
    if (!in_range(rows, IMAGE_SIDE_LIMIT) || !in_range(columns, IMAGE_SIDE_LIMIT) ||
        !in_range(cell_width, IMAGE_SIDE_LIMIT) || !in_range(cell_height, IMAGE_SIDE_LIMIT) ||
        !in_range(scale, SCALE_LIMIT))
        return fail(STATUS_RUNTIME, "%s: not written: %d x %d cells of %d x %d, scale %d (1 to %d)",
                    path, rows, columns, cell_width, cell_height, scale, SCALE_LIMIT);
    struct layout layout = lay_out(rows, columns, cell_width, cell_height, row_titles, scale);
    if (size_canvas(path, &layout, &canvas))
        return -1;
    draw(&canvas, &layout, cells, row_titles);
    int result = image_write_png(path, canvas.width, canvas.height, 1, canvas.gray);
    free(canvas.gray);
    return result;
}
