#include "image/panel.h"

#include "base/error.h"
#include "base/memory.h"
#include "image/font.h"
#include "image/image.h"
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
    const panel *panel;
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

static struct layout lay_out(const panel *p)
{
    struct layout l = {
        .panel = p, .letter_scale = (p->scale + 1) / 2, .margin = 4 * p->scale, .gap = p->scale};
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
    return l->margin + l->title_width + column * (l->panel->cell_width * l->panel->scale + l->gap);
}

static int cell_top(const struct layout *l, int row)
{
    return l->margin + l->title_height + row * (l->panel->cell_height * l->panel->scale + l->gap);
}

/* ---- Drawing ---- */

/* Clipped to the canvas: a title may be taller than a row of tiny cells. */
static void fill(struct canvas *c, int left, int top, int width, int height, unsigned char value)
{
    int right = left + width < c->width ? left + width : c->width;
    int bottom = top + height < c->height ? top + height : c->height;
    for (int y = top > 0 ? top : 0; y < bottom && left < right; y++)
        memset(c->gray + (size_t)y * (size_t)c->width + left, value, (size_t)(right - left));
}

static void draw_cell(struct canvas *c, const struct layout *l, int row, int column)
{
    const panel *p = l->panel;
    const unsigned char *cell = p->cells[row * p->columns + column];
    if (!cell)
        return;
    for (int y = 0; y < p->cell_height; y++)
        for (int x = 0; x < p->cell_width; x++)
            fill(c, cell_left(l, column) + x * p->scale, cell_top(l, row) + y * p->scale, p->scale,
                 p->scale, cell[(size_t)y * (size_t)p->cell_width + x]);
}

static void draw_letter(struct canvas *c, int left, int top, int scale, char letter)
{
    for (int y = 0; y < FONT_HEIGHT; y++)
        for (int x = 0; x < FONT_WIDTH; x++)
            if (font_pixel(letter, x, y))
                fill(c, left + x * scale, top + y * scale, scale, scale, INK);
}

static void draw_letters(struct canvas *c, int left, int top, int scale, const char *text,
                         size_t letters)
{
    for (size_t i = 0; i < letters; i++)
        draw_letter(c, left + (int)i * FONT_ADVANCE * scale, top, scale, text[i]);
}

/* Against the row's first cell, its lower-case letters at half height. */
static void draw_row_title(struct canvas *c, const struct layout *l, int row)
{
    const char *title = l->panel->row_titles[row];
    size_t letters = strlen(title);
    int height = l->panel->cell_height * l->panel->scale;
    draw_letters(c, cell_left(l, 0) - l->margin - text_width(letters, l->letter_scale),
                 cell_top(l, row) + (height - FONT_HEIGHT * l->letter_scale) / 2, l->letter_scale,
                 title, letters);
}

/* One line of a column's title in the middle of the column. */
static void draw_line(struct canvas *c, const struct layout *l, int column, int top,
                      const char *text, size_t letters)
{
    int room = l->panel->cell_width * l->panel->scale, scale = l->letter_scale;
    while (scale > 1 && text_width(letters, scale) > room)
        scale--;
    while (letters && text_width(letters, scale) > room)
        letters--;
    draw_letters(c, cell_left(l, column) + (room - text_width(letters, scale)) / 2, top, scale,
                 text, letters);
}

static void draw_column_title(struct canvas *c, const struct layout *l, int column)
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

static void draw(struct canvas *c, const struct layout *l)
{
    const panel *p = l->panel;
    memset(c->gray, PAPER, (size_t)c->width * (size_t)c->height);
    for (int column = 0; p->column_titles && column < p->columns; column++)
        draw_column_title(c, l, column);
    for (int row = 0; row < p->rows; row++) {
        if (p->row_titles)
            draw_row_title(c, l, row);
        for (int column = 0; column < p->columns; column++)
            draw_cell(c, l, row, column);
    }
}

/* ---- The picture ---- */

static bool in_range(int value, int limit)
{
    return value >= 1 && value <= limit;
}

/* In long long, which holds the product of three numbers in range. */
static int size_canvas(const char *path, const struct layout *l, struct canvas *c)
{
    const panel *p = l->panel;
    long long width = 2LL * l->margin + l->title_width - l->gap +
                      (long long)p->columns * ((long long)p->cell_width * p->scale + l->gap);
    long long height = 2LL * l->margin + l->title_height - l->gap +
                       (long long)p->rows * ((long long)p->cell_height * p->scale + l->gap);
    if (width > IMAGE_SIDE_LIMIT || height > IMAGE_SIDE_LIMIT)
        return fail(STATUS_RUNTIME, "%s: not written: a panel of %lld x %lld pixels is above %d",
                    path, width, height, IMAGE_SIDE_LIMIT);
    *c = (struct canvas){(int)width, (int)height, allocate((size_t)width, (size_t)height)};
    return c->gray ? 0 : -1;
}

int panel_write(const char *path, const panel *p)
{
    struct canvas canvas = {0};
    if (!in_range(p->rows, IMAGE_SIDE_LIMIT) || !in_range(p->columns, IMAGE_SIDE_LIMIT) ||
        !in_range(p->cell_width, IMAGE_SIDE_LIMIT) || !in_range(p->cell_height, IMAGE_SIDE_LIMIT) ||
        !in_range(p->scale, SCALE_LIMIT))
        return fail(STATUS_RUNTIME, "%s: not written: %d x %d cells of %d x %d, scale %d (1 to %d)",
                    path, p->rows, p->columns, p->cell_width, p->cell_height, p->scale,
                    SCALE_LIMIT);
    struct layout layout = lay_out(p);
    if (size_canvas(path, &layout, &canvas))
        return -1;
    draw(&canvas, &layout);
    int result = image_write_png(path, canvas.width, canvas.height, 1, canvas.gray);
    free(canvas.gray);
    return result;
}
