#include "base/error.h"
#include "image/decode.h"
#include <ctype.h>
#include <string.h>

/*
 * PGM and PPM: "P2" or "P5" (gray), "P3" or "P6" (red, green, blue), width, height and maximum as
 * text, with # comments between; then the samples, as text too (P2, P3), or as one byte each, two
 * big-endian ones if the maximum is above 255 (P5, P6).
 */
struct reader {
    const char *path;
    const unsigned char *file;
    size_t length, place;
    int channels;          /* of the file */
    unsigned long maximum; /* what is white in the file, */
    unsigned long full;    /* and in the picture */
};

bool starts_as_pnm(const unsigned char *bytes, size_t length)
{
    return length > 2 && bytes[0] == 'P' && memchr("2356", bytes[1], 4) &&
           (isspace(bytes[2]) || bytes[2] == '#');
}

static bool is_line_end(unsigned char c)
{
    return c == '\n' || c == '\r';
}

static void skip_comment(struct reader *r)
{
    while (r->place < r->length && !is_line_end(r->file[r->place]))
        r->place++;
}

static void skip_blanks(struct reader *r)
{
    while (r->place < r->length) {
        if (r->file[r->place] == '#')
            skip_comment(r);
        else if (isspace(r->file[r->place]))
            r->place++;
        else
            return;
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
        return fail(STATUS_DATA, "%s: truncated PNM: a number is missing at byte %zu", r->path,
                    start);
    if (start == r->place)
        return fail(STATUS_DATA, "%s: damaged PNM: no number at byte %zu", r->path, start);
    if (value > maximum)
        return fail(STATUS_DATA, "%s: damaged PNM: the number at byte %zu is above %lu", r->path,
                    start, maximum);
    *number = value;
    return 0;
}

static unsigned short scale(const struct reader *r, unsigned long value)
{
    return (unsigned short)((value * r->full + r->maximum / 2) / r->maximum);
}

static pixel to_pixel(const struct reader *r, const unsigned long samples[3])
{
    int green = r->channels == 1 ? 0 : 1, blue = r->channels == 1 ? 0 : 2;
    return (pixel){scale(r, samples[0]), scale(r, samples[green]), scale(r, samples[blue]),
                   (unsigned short)r->full};
}

static int read_text_pixels(struct reader *r, size_t count, struct image *picture)
{
    unsigned long samples[3] = {0};
    for (size_t i = 0; i < count; i++) {
        for (int c = 0; c < r->channels; c++)
            if (read_number(r, r->maximum, &samples[c]))
                return -1;
        put_pixel(picture, i, to_pixel(r, samples));
    }
    return 0;
}

/*
 * One blank, or a comment up to its line's end, is between the maximum and the first sample. A
 * header whose lines end in CR LF has two bytes there, if what is left is just the samples: LF
 * alone may be the first of them. If neither fits, a transfer as text has changed samples as well.
 */
static int find_binary_pixels(struct reader *r, size_t bytes)
{
    if (r->place < r->length && r->file[r->place] == '#')
        skip_comment(r);
    if (r->place < r->length && !isspace(r->file[r->place]))
        return fail(STATUS_DATA, "%s: damaged PNM: no blank at byte %zu", r->path, r->place);
    bool two = r->place + 1 < r->length && !memcmp(r->file + r->place, "\r\n", 2);
    size_t start = r->place + 1, left = r->length > start ? r->length - start : 0;
    if (two && left != bytes) {
        if (left > bytes + 1)
            return fail(STATUS_DATA,
                        "%s: damaged PNM: lines end in CR LF, and %zu bytes are too many after "
                        "byte %zu: spoilt by a transfer as text? Copy it again, as binary",
                        r->path, left - 1 - bytes, start + 1);
        start++;
        left--;
    }
    if (r->place >= r->length || left < bytes)
        return fail(STATUS_DATA, "%s: truncated PNM: pixels to byte %zu, but it ends at byte %zu",
                    r->path, start + bytes, r->length);
    r->place = start;
    return 0;
}

static int read_binary_pixels(struct reader *r, size_t count, struct image *picture)
{
    size_t sample_bytes = r->maximum > 255 ? 2 : 1;
    unsigned long samples[3] = {0};
    if (find_binary_pixels(r, count * (size_t)r->channels * sample_bytes))
        return -1;
    for (size_t i = 0; i < count; i++) {
        for (int c = 0; c < r->channels; c++, r->place += sample_bytes) {
            const unsigned char *p = r->file + r->place;
            samples[c] = sample_bytes == 2 ? (unsigned long)p[0] << 8 | p[1] : p[0];
            if (samples[c] > r->maximum)
                return fail(STATUS_DATA, "%s: damaged PNM: the pixel at byte %zu is %lu, above %lu",
                            r->path, r->place, samples[c], r->maximum);
        }
        put_pixel(picture, i, to_pixel(r, samples));
    }
    return 0;
}

int decode_pnm(const struct encoded *file, struct image *picture)
{
    char letter = (char)file->bytes[1];
    struct reader r = {
        file->path, file->bytes, file->length, 2, letter == '3' || letter == '6' ? 3 : 1, 0, 0};
    unsigned long width = 0, height = 0;
    if (read_number(&r, 0xffffffff, &width) || read_number(&r, 0xffffffff, &height) ||
        read_number(&r, 65535, &r.maximum) || check_picture_size(file, width, height))
        return -1;
    if (!r.maximum)
        return fail(STATUS_DATA, "%s: damaged PNM: its maximum is 0", file->path);
    struct stored is = {width, height, r.channels == 3, r.maximum > 255 ? 16 : 8};
    if (file->head)
        return note_head(file, is, 1);
    size_t count = (size_t)width * height;
    if (new_picture(file, is, picture))
        return -1;
    r.full = picture->depth == 16 ? 65535 : 255;
    if (letter == '2' || letter == '3' ? read_text_pixels(&r, count, picture)
                                       : read_binary_pixels(&r, count, picture)) {
        image_release(picture);
        return -1;
    }
    return 0;
}
