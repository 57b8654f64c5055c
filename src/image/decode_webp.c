#include "base/error.h"
#include "base/memory.h"
#include "image/decode.h"
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

/* What a decoding owns. */
struct reader {
    const struct encoded *file;
    WebPDemuxer *demux;
    WebPIterator frame;
    unsigned char *rgba; /* (height, width, 4) */
    struct image picture;
};

static int damaged(const struct reader *r, const char *why)
{
    return fail(STATUS_DATA, "%s: damaged WebP: %s", r->file->path, why);
}

static bool has(const struct reader *r, WebPFeatureFlags flag)
{
    return WebPDemuxGetI(r->demux, WEBP_FF_FORMAT_FLAGS) & (unsigned)flag;
}

static struct stored stored(const struct reader *r)
{
    return (struct stored){WebPDemuxGetI(r->demux, WEBP_FF_CANVAS_WIDTH),
                           WebPDemuxGetI(r->demux, WEBP_FF_CANVAS_HEIGHT), true, 8};
}

/* Most programs write what EXIF data start with in JPEG, too. */
static struct exif exif_of(const struct reader *r)
{
    enum { NAME = 6 };
    WebPChunkIterator chunk;
    struct exif exif = {.orientation = 1};
    if (!WebPDemuxGetChunk(r->demux, "EXIF", 1, &chunk))
        return exif;
    const unsigned char *bytes = chunk.chunk.bytes;
    size_t skipped = chunk.chunk.size > NAME && !memcmp(bytes, "Exif\0\0", NAME) ? NAME : 0;
    exif = exif_read(bytes + skipped, chunk.chunk.size - skipped);
    WebPDemuxReleaseChunkIterator(&chunk);
    return exif;
}

static int read_tags(struct reader *r, const struct exif *exif)
{
    WebPChunkIterator chunk;
    add_exif_resolution(&r->picture.tags, exif);
    if (!WebPDemuxGetChunk(r->demux, "ICCP", 1, &chunk))
        return 0;
    int result = keep_profile(&r->picture.tags, chunk.chunk.bytes, chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return result;
}

/* Colours alone go where they belong; what has to become gray, or to lie on black, takes a way round. */
static int read_pixels(struct reader *r)
{
    const WebPData data = r->frame.fragment;
    int width = r->picture.width, height = r->picture.height;
    size_t count = (size_t)width * (size_t)height;
    if (!r->frame.has_alpha && r->picture.channels == 3)
        return WebPDecodeRGBInto(data.bytes, data.size, r->picture.pixels, 3 * count, 3 * width)
                   ? 0
                   : damaged(r, "its pixels cannot be decoded");
    if (!(r->rgba = allocate(count, 4)))
        return -1;
    if (!WebPDecodeRGBAInto(data.bytes, data.size, r->rgba, 4 * count, 4 * width))
        return damaged(r, "its pixels cannot be decoded");
    for (size_t i = 0; i < count; i++) {
        const unsigned char *p = r->rgba + 4 * i;
        put_pixel(&r->picture, i, (pixel){p[0], p[1], p[2], p[3]});
    }
    return 0;
}

/* EXIF data are behind the pixels, so that only a file without them can be judged by its start. */
static int open_file(struct reader *r)
{
    const WebPData data = {r->file->bytes, r->file->length};
    WebPDemuxState state;
    r->demux = WebPDemuxPartial(&data, &state);
    if (state == WEBP_DEMUX_PARSE_ERROR)
        return damaged(r, "its parts do not fit together");
    if (!r->demux)
        return damaged(r, "the file ends early");
    bool start_is_enough = r->file->head && state >= WEBP_DEMUX_PARSED_HEADER &&
                           !has(r, EXIF_FLAG) && !has(r, ANIMATION_FLAG);
    return start_is_enough || state == WEBP_DEMUX_DONE ? 0 : damaged(r, "the file ends early");
}

static int read_all(struct reader *r)
{
    if (open_file(r))
        return -1;
    if (check_picture_size(r->file, stored(r).width, stored(r).height))
        return -1;
    if (has(r, ANIMATION_FLAG))
        return fail(STATUS_DATA,
                    "%s: an animated WebP of %u frames, not one picture: save the frame that is "
                    "meant",
                    r->file->path, WebPDemuxGetI(r->demux, WEBP_FF_FRAME_COUNT));
    struct exif exif = exif_of(r);
    if (r->file->head)
        return note_head(r->file, stored(r), exif.orientation);
    if (!WebPDemuxGetFrame(r->demux, 1, &r->frame) || !r->frame.complete ||
        (unsigned long)r->frame.width != stored(r).width ||
        (unsigned long)r->frame.height != stored(r).height)
        return damaged(r, "it holds no whole picture");
    if (new_picture(r->file, stored(r), &r->picture) || read_pixels(r) ||
        (r->file->wanted->tags && read_tags(r, &exif)))
        return -1;
    return set_upright(&r->picture, exif.orientation);
}

int decode_webp(const struct encoded *file, struct image *picture)
{
    struct reader r = {.file = file};
    int result = read_all(&r);
    WebPDemuxReleaseIterator(&r.frame);
    WebPDemuxDelete(r.demux);
    free(r.rgba);
    if (result)
        image_release(&r.picture);
    else
        *picture = r.picture;
    return result;
}
