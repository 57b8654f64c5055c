/* Cameras store pictures as the sensor lay, and say how to turn them. */
#include "image/decode.h"
#include <string.h>

/* Which stored pixel is seen at (x, y). From 5 on rows are columns: the stored picture is as wide
 * as the upright one is high. */
static size_t stored_place(int orientation, size_t x, size_t y, size_t width, size_t height)
{
    size_t column = orientation < 5 ? x : y, row = orientation < 5 ? y : x;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    if (from_right)
        column = width - 1 - column;
    if (from_below)
        row = height - 1 - row;
    return row * width + column;
}

int set_upright(struct image *picture, int orientation)
{
    if (orientation == 1)
        return 0;
    size_t width = (size_t)picture->width, height = (size_t)picture->height;
    size_t bytes = (size_t)picture->channels * (size_t)(picture->depth / 8);
    bool rows_are_columns = orientation >= 5;
    struct image turned;
    if (image_new_deep(&turned, rows_are_columns ? picture->height : picture->width,
                       rows_are_columns ? picture->width : picture->height, picture->channels,
                       picture->depth))
        return -1;
    for (size_t y = 0, i = 0; y < (size_t)turned.height; y++)
        for (size_t x = 0; x < (size_t)turned.width; x++, i++)
            memcpy(turned.pixels + i * bytes,
                   picture->pixels + stored_place(orientation, x, y, width, height) * bytes, bytes);
    turned.coloured = picture->coloured;
    turned.tags = picture->tags;
    picture->tags = (struct image_tags){0};
    if (rows_are_columns) {
        double across = turned.tags.per_metre[0];
        turned.tags.per_metre[0] = turned.tags.per_metre[1];
        turned.tags.per_metre[1] = across;
    }
    image_release(picture);
    *picture = turned;
    return 0;
}
