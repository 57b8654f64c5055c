/*
 * A patch: the pixels of an image that a strip of outputs needs, in local memory, with zeros where
 * the image ends, so that loops over taps need no bounds test.
 */
#ifndef PATCH_H
#define PATCH_H

#include "view.h"

/* Copies rows x columns pixels of c channels from image (H, W, c), starting at pixel (y, x), to
 * patch (rows, columns, c); pixels outside the image become zero. */
void gather_stored(local float *patch, global const float *image, int h, int w, int c, int y, int x,
                   int rows, int columns)
{
    const int before = clamp(-x, 0, columns);
    const int inside = max(min(w - max(x, 0), columns - before), 0) * c;
    for (int row = 0; row < rows; row++, y++) {
        local float *to = patch + row * columns * c;
        const int left = y < 0 || y >= h ? columns * c : before * c;
        for (int i = 0; i < left; i++)
            to[i] = 0.0f;
        if (left == columns * c)
            continue;
        global const float *from = image + (y * w + max(x, 0)) * c;
        for (int i = 0; i < inside; i++)
            to[left + i] = from[i];
        for (int i = left + inside; i < columns * c; i++)
            to[i] = 0.0f;
    }
}

/* The same for any view; first: the image's first pixel. */
void gather_patch(local float *patch, view v, size_t first, int h, int w, int channels, int y,
                  int x, int rows, int columns)
{
    if (!v.b.channels && !IS_DEFERRED(v.a)) {
        gather_stored(patch, v.a.data + first * channels, h, w, channels, y, x, rows, columns);
        return;
    }
    for (int c = 0; c < channels; c += 16) {
        int at = c;
        const view_part p = part_of(v, &at);
        float16 scale = 1.0f, shift = 0.0f;
        if (IS_DEFERRED(p)) {
            scale = vload16(0, SCALE_OF(p, at));
            shift = vload16(0, SHIFT_OF(p, at));
        }
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                const int py = y + row, px = x + column;
                float16 value = 0.0f;
                if (py >= 0 && py < h && px >= 0 && px < w) {
                    value = vload16(0, p.data + (first + py * w + px) * p.channels + at);
                    if (IS_DEFERRED(p))
                        value = finish16(value, scale, shift, p.slope);
                }
                vstore16(value, 0, patch + (row * columns + column) * channels + c);
            }
        }
    }
}

#endif
