#include "data/fit.h"

#include "image/resize.h"
#include <string.h>

static struct image_format format_of(const struct image *p)
{
    return (struct image_format){p->height, p->width, p->channels};
}

/* Takes the place of the picture. */
static void replace(struct image *picture, struct image *by)
{
    image_release(picture);
    *picture = *by;
}

static int scale(struct image *picture, int height, int width)
{
    struct image scaled;
    if (height == picture->height && width == picture->width)
        return 0;
    if (image_new(&scaled, width, height, picture->channels))
        return -1;
    if (pixels_resize(picture->pixels, format_of(picture), scaled.pixels, height, width)) {
        image_release(&scaled);
        return -1;
    }
    replace(picture, &scaled);
    return 0;
}

/* side * to / from, rounded, at least 1. */
static int proportional(int side, int to, int from)
{
    long scaled = ((long)side * to + from / 2) / from;
    return scaled > 0 ? (int)scaled : 1;
}

static int reduce_to(struct image *picture, int longest)
{
    int height = picture->height, width = picture->width;
    if (!longest || (height <= longest && width <= longest))
        return 0;
    return height > width ? scale(picture, longest, proportional(width, longest, height))
                          : scale(picture, proportional(height, longest, width), longest);
}

/* The middle of it, not larger than height x width. */
static int cut(struct image *picture, int height, int width)
{
    struct image middle;
    if (picture->height <= height && picture->width <= width)
        return 0;
    height = height < picture->height ? height : picture->height;
    width = width < picture->width ? width : picture->width;
    if (image_new(&middle, width, height, picture->channels))
        return -1;
    size_t channels = (size_t)picture->channels, row = (size_t)width * channels;
    size_t top = (size_t)(picture->height - height) / 2,
           left = (size_t)(picture->width - width) / 2;
    for (size_t y = 0; y < (size_t)height; y++)
        memcpy(middle.pixels + y * row,
               picture->pixels + ((top + y) * (size_t)picture->width + left) * channels, row);
    replace(picture, &middle);
    return 0;
}

/* Its shape is kept. What a long strip has beyond the limit is cut off before it is enlarged. */
static int cover(struct image *picture, struct image_format size)
{
    if (picture->height >= size.height && picture->width >= size.width)
        return 0;
    bool by_height = (long)size.height * picture->width >= (long)size.width * picture->height;
    int to = by_height ? size.height : size.width,
        from = by_height ? picture->height : picture->width;
    int longest = proportional(FIT_SIDE_LIMIT, from, to);
    if (cut(picture, longest, longest))
        return -1;
    int height = by_height ? size.height : proportional(picture->height, to, from);
    int width = by_height ? proportional(picture->width, to, from) : size.width;
    return scale(picture, height > size.height ? height : size.height,
                 width > size.width ? width : size.width);
}

static int reduce_into(struct image *picture, struct image_format size)
{
    int height = picture->height, width = picture->width;
    if (height <= size.height && width <= size.width)
        return 0;
    bool by_height = (long)height * size.width >= (long)width * size.height;
    return by_height ? scale(picture, size.height, proportional(width, size.height, height))
                     : scale(picture, proportional(height, size.width, width), size.width);
}

int picture_fit(struct image *picture, const struct data_config *c)
{
    struct image_format size = c->mixture.format;
    switch (c->fit) {
    case FIT_RESIZE:
        return scale(picture, size.height, size.width);
    case FIT_PAD:
        return reduce_into(picture, size);
    case FIT_CROP:
        break;
    }
    return reduce_to(picture, c->longest_side) || cover(picture, size) ? -1 : 0;
}
