/* What the targets of picture formats do with a file: decode it, with all that it says, and only its header. */
#ifndef FUZZ_DECODE_BYTES_H
#define FUZZ_DECODE_BYTES_H

#include "base/error.h"
#include "image/decode.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Larger ones would only take longer. */
static int is_small(const void *context, int width, int height)
{
    (void)context;
    return (long)width * height <= 1 << 18 ? 0 : fail(STATUS_DATA, "large");
}

typedef int decoder(const struct encoded *file, struct image *picture);

static void decode_bytes(decoder *decode, const uint8_t *data, size_t size)
{
    const struct image_request wanted = {.deep = true, .tags = true, .fits = is_small};
    struct image picture = {0}, none;
    struct image_head head = {0};
    int result = decode(&(struct encoded){"fuzzed", data, size, &wanted, NULL}, &picture);
    int looked = decode(&(struct encoded){"fuzzed", data, size, &wanted, &head}, &none);
    if (!result && (looked || head.width != picture.width || head.height != picture.height))
        abort();
    if (result && picture.pixels)
        abort();
    image_release(&picture);
}

#endif
