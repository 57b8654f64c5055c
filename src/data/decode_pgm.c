#include "base/error.h"
#include "base/memory.h"
#include "data/decode.h"
#include <ctype.h>
#include <stdlib.h>

/* PGM: "P2" or "P5", width, height and maximum as text, with # comments between; then the pixels,
 * as text too (P2), or as one byte each, two big-endian ones if the maximum is above 255 (P5). */
struct reader {
    const char *path;
    const unsigned char *file;
    size_t length, place;
};

static void skip_blanks(struct reader *r)
{
    while (r->place < r->length) {
        if (r->file[r->place] == '#') {
            while (r->place < r->length && r->file[r->place] != '\n')
                r->place++;
        } else if (isspace(r->file[r->place])) {
            r->place++;
        } else {
            return;
        }
    }
}

static int read_number(struct reader *r, unsigned long maximum, unsigned long *number)
{
    skip_blanks(r);
    size_t start = r->place;
    unsigned long value = 0;
    for (; r->place < r->length && isdigit(r->file[r->place]) && value <= maximum; r->place++)
        value = 10 * value + (unsigned long)(r->file[r->place] - '0');
    if (start == r->length)
        return fail(STATUS_DATA, "%s: truncated PGM: a number is missing at byte %zu", r->path,
                    start);
    if (start == r->place)
        return fail(STATUS_DATA, "%s: damaged PGM: no number at byte %zu", r->path, start);
    if (value > maximum)
        return fail(STATUS_DATA, "%s: damaged PGM: the number at byte %zu is above %lu", r->path,
                    start, maximum);
    *number = value;
    return 0;
}

static unsigned char scale(unsigned long value, unsigned long maximum)
{
    return (unsigned char)((value * 255 + maximum / 2) / maximum);
}

static int read_text_pixels(struct reader *r, size_t count, unsigned long maximum,
                            unsigned char *gray)
{
    unsigned long value = 0;
    for (size_t i = 0; i < count; i++) {
        if (read_number(r, maximum, &value))
            return -1;
        gray[i] = scale(value, maximum);
    }
    return 0;
}

static int read_binary_pixels(struct reader *r, size_t count, unsigned long maximum,
                              unsigned char *gray)
{
    size_t pixel_bytes = maximum > 255 ? 2 : 1;
    size_t start = r->place + 1; /* past the one blank after the maximum */
    if (r->place < r->length && !isspace(r->file[r->place]))
        return fail(STATUS_DATA, "%s: damaged PGM: no blank at byte %zu", r->path, r->place);
    if (start > r->length || (r->length - start) / pixel_bytes < count)
        return fail(STATUS_DATA, "%s: truncated PGM: pixels to byte %zu, but it ends at byte %zu",
                    r->path, start + count * pixel_bytes, r->length);
    for (size_t i = 0; i < count; i++) {
        const unsigned char *p = r->file + start + i * pixel_bytes;
        unsigned long value = pixel_bytes == 2 ? (unsigned long)p[0] << 8 | p[1] : p[0];
        if (value > maximum)
            return fail(STATUS_DATA, "%s: damaged PGM: the pixel at byte %zu is %lu, above %lu",
                        r->path, start + i * pixel_bytes, value, maximum);
        gray[i] = scale(value, maximum);
    }
    return 0;
}

int decode_pgm(const char *path, const unsigned char *file, size_t length, struct image *picture)
{
    struct reader r = {path, file, length, 2};
    unsigned long width = 0, height = 0, maximum = 0;
    if (read_number(&r, 0xffffffff, &width) || read_number(&r, 0xffffffff, &height) ||
        read_number(&r, 65535, &maximum) || check_picture_size(path, width, height))
        return -1;
    if (!maximum)
        return fail(STATUS_DATA, "%s: damaged PGM: its maximum is 0", path);
    size_t count = (size_t)width * height;
    unsigned char *gray = allocate(count, 1);
    if (!gray)
        return -1;
    if (file[1] == '2' ? read_text_pixels(&r, count, maximum, gray)
                       : read_binary_pixels(&r, count, maximum, gray)) {
        free(gray);
        return -1;
    }
    *picture = (struct image){(int)width, (int)height, gray};
    return 0;
}
