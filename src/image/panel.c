#include "image/panel.h"

#include "base/error.h"
#include "base/memory.h"
#include "image/font.h"
#include "image/image.h"
#include "image/resize.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* In each channel that there is. */
static const unsigned char paper[] = {255, 255, 255}, ink[] = {48, 48, 48};

/* Sizes in pixels of the finished picture. */
struct layout {
    const panel *panel;
    int cell_width, cell_height;
    int scale; /* so many times each picture is magnified; 0 if it is reduced to a cell */
    int letter_scale;
    int margin, gap;  /* around everything; between cells */
    int title_width;  /* the widest row title with the space to its right; 0 without titles */
    int title_height; /* the tallest column title with the space below it; 0 without titles */
};

/* ---- Sizes ---- */

static int text_width(size_t letters, int letter_scale)
{
    size_t most = (size_t)(IMAGE_SIDE_LIMIT / FONT_ADVANCE / letter_scale);
    letters = letters < most ? letters : most;
    return letters ? ((int)letters * FONT_ADVANCE - 1) * letter_scale : 0;
}

static int line_count(const char *text)
{
    int lines = 1;
    while ((text = strchr(text, '\n'))) {
        text++;
        lines++;
    }
    return lines;
}

static int at_least_1(int value)
{
    return value > 1 ? value : 1;
}

/* Rounded to the nearest. */
static int reduced(int side, int longer, int limit)
{
    return at_least_1((int)(((long long)side * limit + longer / 2) / longer));
}

static void size_cells(struct layout *l)
{
    const struct image_format f = l->panel->format;
    int longer = f.height > f.width ? f.height : f.width, side = l->panel->side;
    l->scale = side / longer;
    l->cell_width = l->scale ? l->scale * f.width : reduced(f.width, longer, side);
    l->cell_height = l->scale ? l->scale * f.height : reduced(f.height, longer, side);
}

/* Letters, margins and gaps grow with the cells. */
static struct layout lay_out(const panel *p)
{
    struct layout l = {.panel = p};
    size_cells(&l);
    int longer = l.cell_height > l.cell_width ? l.cell_height : l.cell_width;
    int unit = at_least_1((longer + 16) / 32);
    l.letter_scale = (unit + 1) / 2;
    l.margin = 4 * unit;
    l.gap = unit;
    for (int row = 0; p->row_titles && row < p->rows; row++) {
        int width = text_width(strlen(p->row_titles[row]), l.letter_scale) + l.margin;
        l.title_width = width > l.title_width ? width : l.title_width;
    }
    for (int column = 0; p->column_titles && column < p->columns; column++) {
        int height =
            line_count(p->column_titles[column]) * (FONT_HEIGHT + 1) * l.letter_scale + l.gap;
        l.title_height = height > l.title_height ? height : l.title_height;
    }
    return l;
}

static int cell_left(const struct layout *l, int column)
{
    return l->margin + l->title_width + column * (l->cell_width + l->gap);
}

static int cell_top(const struct layout *l, int row)
{
    return l->margin + l->title_height + row * (l->cell_height + l->gap);
}

/* ---- Drawing ---- */

/* Clipped to the canvas: a title may be taller than a row of tiny cells. */
static void fill(struct image *c, int left, int top, int width, int height,
                 const unsigned char *colour)
{
    int right = left + width < c->width ? left + width : c->width;
    int bottom = top + height < c->height ? top + height : c->height;
    size_t channels = (size_t)c->channels;
    for (int y = top > 0 ? top : 0; y < bottom; y++)
        for (int x = left; x < right; x++)
            memcpy(c->pixels + ((size_t)y * (size_t)c->width + (size_t)x) * channels, colour,
                   channels);
}

/* pixels: (height, width, channels), each as large as a square of the canvas. */
static void draw_pixels(struct image *c, int left, int top, const unsigned char *pixels, int height,
                        int width, int square)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, pixels += c->channels)
            fill(c, left + x * square, top + y * square, square, square, pixels);
}

/* small: room for a picture of a cell's size. */
static void draw_cell(struct image *c, const struct layout *l, int row, int column,
                      unsigned char *small)
{
    const panel *p = l->panel;
    const unsigned char *cell = p->cells[row * p->columns + column];
    int left = cell_left(l, column), top = cell_top(l, row);
    if (!cell)
        return;
    if (l->scale) {
        draw_pixels(c, left, top, cell, p->format.height, p->format.width, l->scale);
        return;
    }
    pixels_reduce(cell, p->format, small, l->cell_height, l->cell_width);
    draw_pixels(c, left, top, small, l->cell_height, l->cell_width, 1);
}

static void draw_letter(struct image *c, int left, int top, int scale, char letter)
{
    for (int y = 0; y < FONT_HEIGHT; y++)
        for (int x = 0; x < FONT_WIDTH; x++)
            if (font_pixel(letter, x, y))
                fill(c, left + x * scale, top + y * scale, scale, scale, ink);
}

static void draw_letters(struct image *c, int left, int top, int scale, const char *text,
                         size_t letters)
{
    for (size_t i = 0; i < letters; i++)
        draw_letter(c, left + (int)i * FONT_ADVANCE * scale, top, scale, text[i]);
}

/* Against the row's first cell, its lower-case letters at half height. */
static void draw_row_title(struct image *c, const struct layout *l, int row)
{
    const char *title = l->panel->row_titles[row];
    size_t letters = strlen(title);
    draw_letters(c, cell_left(l, 0) - l->margin - text_width(letters, l->letter_scale),
                 cell_top(l, row) + (l->cell_height - FONT_HEIGHT * l->letter_scale) / 2,
                 l->letter_scale, title, letters);
}

/* A title of this width at most leaves a letter's space to its neighbour. */
static int title_room(const struct layout *l, int letter_scale)
{
    return l->cell_width + l->gap - FONT_ADVANCE * letter_scale;
}

/* One line of a column's title in the middle of the column. */
static void draw_line(struct image *c, const struct layout *l, int column, int top,
                      const char *text, size_t letters)
{
    int scale = l->letter_scale;
    while (scale > 1 && text_width(letters, scale) > title_room(l, scale))
        scale--;
    while (letters && text_width(letters, scale) > title_room(l, scale))
        letters--;
    draw_letters(c, cell_left(l, column) + (l->cell_width - text_width(letters, scale)) / 2, top,
                 scale, text, letters);
}

static void draw_column_title(struct image *c, const struct layout *l, int column)
{
    const char *text = l->panel->column_titles[column];
    int line_height = (FONT_HEIGHT + 1) * l->letter_scale;
    int top = cell_top(l, 0) - l->gap - line_count(text) * line_height;
    for (size_t letters;; text += letters + 1, top += line_height) {
        letters = strcspn(text, "\n");
        draw_line(c, l, column, top, text, letters);
        if (!text[letters])
            return;
    }
}

static void draw(struct image *c, const struct layout *l, unsigned char *small)
{
    const panel *p = l->panel;
    fill(c, 0, 0, c->width, c->height, paper);
    for (int column = 0; p->column_titles && column < p->columns; column++)
        draw_column_title(c, l, column);
    for (int row = 0; row < p->rows; row++) {
        if (p->row_titles)
            draw_row_title(c, l, row);
        for (int column = 0; column < p->columns; column++)
            draw_cell(c, l, row, column, small);
    }
}

/* ---- The picture ---- */

static bool in_range(int value, int limit)
{
    return value >= 1 && value <= limit;
}

/* In long long, which holds the product of two numbers in range. */
static int make_canvas(const char *path, const struct layout *l, struct image *c)
{
    const panel *p = l->panel;
    long long width = 2LL * l->margin + l->title_width - l->gap +
                      (long long)p->columns * (l->cell_width + l->gap);
    long long height =
        2LL * l->margin + l->title_height - l->gap + (long long)p->rows * (l->cell_height + l->gap);
    if (width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT)
        return fail(STATUS_RUNTIME, "%s: not written: a panel of %lld x %lld pixels is above %d",
                    path, width, height, IMAGE_SIDE_LIMIT);
    return image_new(c, (int)width, (int)height, p->format.channels);
}

int panel_write(const char *path, const panel *p)
{
    const struct image_format f = p->format;
    struct image canvas = {0};
    if (!in_range(p->rows, IMAGE_SIDE_LIMIT) || !in_range(p->columns, IMAGE_SIDE_LIMIT) ||
        !in_range(f.width, IMAGE_SIDE_LIMIT) || !in_range(f.height, IMAGE_SIDE_LIMIT) ||
        !in_range(p->side, PANEL_SIDE_MOST))
        return fail(STATUS_RUNTIME,
                    "%s: not written: %d x %d cells of %d x %d, drawn %d a side (1 to %d)", path,
                    p->rows, p->columns, f.width, f.height, p->side, PANEL_SIDE_MOST);
    struct layout layout = lay_out(p);
    unsigned char *small =
        allocate((size_t)layout.cell_height * (size_t)layout.cell_width, (size_t)f.channels);
    int result = -1;
    if (small && !make_canvas(path, &layout, &canvas)) {
        draw(&canvas, &layout, small);
        result = image_write_png(path, canvas.width, canvas.height, f.channels, canvas.pixels);
    }
    image_release(&canvas);
    free(small);
    return result;
}
