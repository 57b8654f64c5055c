#include "data/idx.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GRAY_MAGIC 0x00000803u   /* unsigned bytes, 3 dimensions */
#define COLOUR_MAGIC 0x00000804u /* 4 dimensions, the last of them red, green and blue */
#define LABELS_MAGIC 0x00000801u
#define GRAY_HEADER ((size_t)16)
#define COLOUR_HEADER ((size_t)20)
#define FILE_LIMIT ((size_t)1 << 30)
#define SIDE_LIMIT 16384u
enum { COLOUR_CHANNELS = 3 };

static uint32_t read_big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_big_endian(unsigned char *p, size_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> (24 - 8 * i));
}

static int refuse_magic(const char *path, const unsigned char *file, size_t length)
{
    uint32_t magic = read_big_endian(file);
    const char *kind = magic == LABELS_MAGIC ? "labels; the images are in the idx3 file"
                                             : bytes_identify(file, length, path).name;
    return fail(STATUS_DATA,
                "%s: not an IDX image file: byte 0 starts 0x%08x instead of 0x%08x; it is %s", path,
                magic, GRAY_MAGIC, kind);
}

static int check_length(const char *path, size_t length, uint64_t promised,
                        const struct image_set *set)
{
    if (length < promised)
        return fail(STATUS_DATA,
                    "%s: truncated at byte %zu of the %llu that %zu images of %d x %d take", path,
                    length, (unsigned long long)promised, set->count, set->format.height,
                    set->format.width);
    if (length > promised)
        return fail(STATUS_DATA, "%s: %zu bytes too many: the last image ends at byte %llu", path,
                    length - (size_t)promised, (unsigned long long)promised);
    return 0;
}

/* The file's bytes as a set without pixels, once header and length agree; *header is where the pixels
 * start. */
static int check_header(const char *path, const unsigned char *file, size_t length,
                        struct image_set *set, size_t *header)
{
    bool colour = length >= GRAY_HEADER && read_big_endian(file) == COLOUR_MAGIC;
    *header = colour ? COLOUR_HEADER : GRAY_HEADER;
    if (length < *header)
        return fail(STATUS_DATA,
                    "%s: truncated: an IDX header takes %zu bytes, the file ends at byte %zu", path,
                    *header, length);
    if (!colour && read_big_endian(file) != GRAY_MAGIC)
        return refuse_magic(path, file, length);
    uint32_t count = read_big_endian(file + 4), height = read_big_endian(file + 8),
             width = read_big_endian(file + 12);
    if (!count || !height || !width || height > SIDE_LIMIT || width > SIDE_LIMIT)
        return fail(STATUS_DATA,
                    "%s: byte 4 promises %u images of %u x %u pixels; at least one of 1 to %u a "
                    "side is needed",
                    path, count, height, width, SIDE_LIMIT);
    if (colour && read_big_endian(file + 16) != COLOUR_CHANNELS)
        return fail(STATUS_DATA,
                    "%s: byte 16 promises %u channels; %d are needed: red, green, blue", path,
                    read_big_endian(file + 16), COLOUR_CHANNELS);
    *set = (struct image_set){count, {(int)height, (int)width, colour ? COLOUR_CHANNELS : 1}, NULL};
    /* an image is below 2^30 bytes, so the product fits as well */
    return check_length(path, length, *header + (uint64_t)count * image_values(set->format), set);
}

int idx_read_images(const char *path, struct image_set *set)
{
    unsigned char *file = NULL;
    size_t length, header;
    *set = (struct image_set){0};
    if (file_read_gzip(path, FILE_LIMIT, STATUS_DATA, &file, &length))
        return -1;
    if (check_header(path, file, length, set, &header)) {
        free(file);
        *set = (struct image_set){0};
        return -1;
    }
    memmove(file, file + header, length - header);
    set->pixels = file;
    return 0;
}

int idx_find_images(const char *folder, const char *part, char **found)
{
    static const char *const forms[] = {"%s/%s-images-idx3-ubyte", "%s/%s-images-idx3-ubyte.gz",
                                        "%s/%s-images.idx3-ubyte", "%s/%s-images.idx3-ubyte.gz"};
    bool there, failed = false;
    *found = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *path = format_text(forms[i], folder, part);
        if (!path)
            return -1;
        if (file_look(path, STATUS_DATA, &there)) {
            failed = true;
        } else if (there) {
            error_clear();
            *found = path;
            return 0;
        }
        free(path);
    }
    return failed ? -1 : 0;
}

/* zlib's own gzip header holds no time and no name: same input, same bytes. */
static int write_packed(const char *path, unsigned char *bytes, size_t length)
{
    int result = -1;
    unsigned char *packed = NULL;
    z_stream stream = {.next_in = bytes, .avail_in = (uInt)length};
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY))
        return fail(STATUS_MEMORY, "%s: out of memory while packing", path);
    uLong bound = deflateBound(&stream, length);
    packed = allocate(bound, 1);
    if (!packed)
        goto done;
    stream.next_out = packed;
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
        result = file_write_atomic(path, packed, stream.total_out);
    else
        fail(STATUS_RUNTIME, "%s: not written: packing failed", path);
done:
    deflateEnd(&stream);
    free(packed);
    return result;
}

static int ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && !strcmp(text + length - wanted, end);
}

int idx_write_images(const char *path, const struct image_set *set)
{
    struct image_format f = set->format;
    size_t header = f.channels == 1 ? GRAY_HEADER : COLOUR_HEADER, image = image_values(f);
    if (!image || !set->count || set->count > (FILE_LIMIT - header) / image)
        return fail(STATUS_RUNTIME, "%s: not written: %zu images of %d x %d do not fit an IDX file",
                    path, set->count, f.height, f.width);
    size_t length = header + set->count * image;
    unsigned char *file = allocate(length, 1);
    if (!file)
        return -1;
    write_big_endian(file, f.channels == 1 ? GRAY_MAGIC : COLOUR_MAGIC);
    write_big_endian(file + 4, set->count);
    write_big_endian(file + 8, (size_t)f.height);
    write_big_endian(file + 12, (size_t)f.width);
    if (f.channels != 1)
        write_big_endian(file + 16, (size_t)f.channels);
    memcpy(file + header, set->pixels, length - header);
    int result = ends_in(path, ".gz") ? write_packed(path, file, length)
                                      : file_write_atomic(path, file, length);
    free(file);
    return result;
}

void image_set_release(struct image_set *set)
{
    if (!set)
        return;
    free(set->pixels);
    *set = (struct image_set){0};
}
