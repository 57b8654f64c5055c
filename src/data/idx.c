#include "data/idx.h"

#include "base/error.h"
#include "base/files.h"
#include "base/identify.h"
#include "base/memory.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define IMAGES_MAGIC 0x00000803u /* unsigned bytes, 3 dimensions */
#define HEADER_BYTES ((size_t)16)
#define FILE_LIMIT ((size_t)1 << 30)
#define SIDE_LIMIT 16384u

static uint32_t read_big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_big_endian(unsigned char *p, size_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* The file's bytes as a set without pixels, once header and length agree. */
static int check_header(const char *path, const unsigned char *file, size_t length,
                        struct image_set *set)
{
    if (length < HEADER_BYTES)
        return fail(STATUS_DATA,
                    "%s: truncated: an IDX header takes %zu bytes, the file ends at byte %zu", path,
                    HEADER_BYTES, length);
    uint32_t magic = read_big_endian(file), count = read_big_endian(file + 4);
    uint32_t height = read_big_endian(file + 8), width = read_big_endian(file + 12);
    if (magic != IMAGES_MAGIC) {
        const char *kind = magic == 0x801 ? "labels; the images are in the idx3 file"
                                          : bytes_identify(file, length, path).name;
        return fail(STATUS_DATA,
                    "%s: not an IDX image file: byte 0 starts 0x%08x instead of 0x%08x; it is %s",
                    path, magic, IMAGES_MAGIC, kind);
    }
    if (!count || !height || !width || height > SIDE_LIMIT || width > SIDE_LIMIT)
        return fail(STATUS_DATA,
                    "%s: byte 4 promises %u images of %u x %u pixels; at least one of 1 to %u a "
                    "side is needed",
                    path, count, height, width, SIDE_LIMIT);
    uint64_t pixels = (uint64_t)height * width; /* below 2^28, so the next product fits as well */
    uint64_t promised = HEADER_BYTES + count * pixels;
    if (length < promised)
        return fail(STATUS_DATA,
                    "%s: truncated at byte %zu of the %llu that %u images of %u x %u take", path,
                    length, (unsigned long long)promised, count, height, width);
    if (length > promised)
        return fail(STATUS_DATA, "%s: %zu bytes too many: the last image ends at byte %llu", path,
                    length - (size_t)promised, (unsigned long long)promised);
    *set = (struct image_set){count, (int)height, (int)width, NULL};
    return 0;
}

int idx_read_images(const char *path, struct image_set *set)
{
    unsigned char *file = NULL;
    size_t length;
    *set = (struct image_set){0};
    if (file_read_gzip(path, FILE_LIMIT, STATUS_DATA, &file, &length))
        return -1;
    if (check_header(path, file, length, set)) {
        free(file);
        return -1;
    }
    memmove(file, file + HEADER_BYTES, length - HEADER_BYTES);
    set->pixels = file;
    return 0;
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
    size_t pixels = (size_t)set->height * (size_t)set->width;
    if (!pixels || !set->count || set->count > (FILE_LIMIT - HEADER_BYTES) / pixels)
        return fail(STATUS_RUNTIME, "%s: not written: %zu images of %d x %d do not fit an IDX file",
                    path, set->count, set->height, set->width);
    size_t length = HEADER_BYTES + set->count * pixels;
    unsigned char *file = allocate(length, 1);
    if (!file)
        return -1;
    write_big_endian(file, IMAGES_MAGIC);
    write_big_endian(file + 4, set->count);
    write_big_endian(file + 8, (size_t)set->height);
    write_big_endian(file + 12, (size_t)set->width);
    memcpy(file + HEADER_BYTES, set->pixels, length - HEADER_BYTES);
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
