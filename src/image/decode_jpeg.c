#include "base/error.h"
#include "image/decode.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> /* some of its codes depend on jpeglib.h */

/* A progressive file may ask for any number of passes over the picture; honest ones stay below 20
 * and a hostile one must not keep us busy for hours. */
#define SCAN_LIMIT 500

/* What a decoding owns. It lives in decode_jpeg's frame, so that a longjmp out of libjpeg finds
 * every member as it was. libjpeg knows errors and progress by their address. */
struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const struct encoded *file;
    struct image_tags tags;
    struct image picture;
};

static struct reader *reader_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void stop(j_common_ptr jpeg)
{
    char why[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, why);
    fail(STATUS_DATA, "%s: damaged JPEG: %s", reader_of(jpeg)->file->path, why);
    longjmp(reader_of(jpeg)->failed, 1);
}

/* libjpeg fills in what is missing and continues; a picture with invented parts is refused here.
 * Its other warnings are about metadata and stray bytes. */
static void judge_message(j_common_ptr jpeg, int level)
{
    if (level >= 0)
        return;
    switch (jpeg->err->msg_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
        stop(jpeg);
    }
}

static void check_progress(j_common_ptr jpeg)
{
    if (((j_decompress_ptr)jpeg)->input_scan_number <= SCAN_LIMIT)
        return;
    fail(STATUS_DATA, "%s: damaged JPEG: more than %d scans", reader_of(jpeg)->file->path,
         SCAN_LIMIT);
    longjmp(reader_of(jpeg)->failed, 1);
}

static struct stored stored(const struct reader *r)
{
    return (struct stored){r->jpeg.image_width, r->jpeg.image_height,
                           r->jpeg.jpeg_color_space != JCS_GRAYSCALE, 8};
}

static int read_pixels(struct reader *r)
{
    if (new_picture(r->file, stored(r), &r->picture))
        return -1;
    r->jpeg.out_color_space = r->picture.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&r->jpeg);
    size_t row_bytes = (size_t)r->picture.width * (size_t)r->picture.channels;
    while (r->jpeg.output_scanline < r->jpeg.output_height) {
        JSAMPROW row = r->picture.pixels + (size_t)r->jpeg.output_scanline * row_bytes;
        jpeg_read_scanlines(&r->jpeg, &row, 1);
    }
    jpeg_finish_decompress(&r->jpeg);
    return 0;
}

/* Of the first EXIF marker. */
static struct exif exif_of(const struct reader *r)
{
    enum { NAME = 6 }; /* "Exif", and two zeros */
    for (jpeg_saved_marker_ptr m = r->jpeg.marker_list; m; m = m->next)
        if (m->data_length > NAME && !memcmp(m->data, "Exif\0\0", NAME))
            return exif_read(m->data + NAME, m->data_length - NAME);
    return (struct exif){.orientation = 1};
}

/* JFIF counts dots an inch or a centimetre, or only says how wide a pixel is for its height. */
static int read_tags(struct reader *r, const struct exif *exif)
{
    enum { INCH = 1, CENTIMETRE = 2 };
    JOCTET *profile;
    unsigned length;
    double units = r->jpeg.density_unit == INCH         ? 1 / 0.0254
                   : r->jpeg.density_unit == CENTIMETRE ? 100
                                                        : 0;
    if (r->jpeg.saw_JFIF_marker) {
        r->tags.per_metre[0] = r->jpeg.X_density * units;
        r->tags.per_metre[1] = r->jpeg.Y_density * units;
    }
    add_exif_resolution(&r->tags, exif);
    if (!jpeg_read_icc_profile(&r->jpeg, &profile, &length))
        return 0;
    int result = keep_profile(&r->tags, profile, length);
    free(profile);
    return result;
}

static int read_all(struct reader *r)
{
    if (setjmp(r->failed))
        return -1; /* the error is recorded */
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.progress = &r->progress;
    jpeg_mem_src(&r->jpeg, r->file->bytes, r->file->length);
    jpeg_save_markers(&r->jpeg, JPEG_APP0 + 1, 0xffff); /* EXIF */
    if (r->file->wanted->tags)
        jpeg_save_markers(&r->jpeg, JPEG_APP0 + 2, 0xffff); /* ICC */
    jpeg_read_header(&r->jpeg, TRUE);
    if (check_picture_size(r->file, r->jpeg.image_width, r->jpeg.image_height))
        return -1;
    if (r->jpeg.jpeg_color_space == JCS_CMYK || r->jpeg.jpeg_color_space == JCS_YCCK)
        return fail(STATUS_DATA, "%s: a CMYK JPEG, for printing: convert it to RGB or gray first",
                    r->file->path);
    struct exif exif = exif_of(r); /* the markers are gone when the pixels have been read */
    if (r->file->head)
        return note_head(r->file, stored(r), exif.orientation);
    if ((r->file->wanted->tags && read_tags(r, &exif)) || read_pixels(r))
        return -1;
    r->picture.tags = r->tags;
    r->tags = (struct image_tags){0};
    return set_upright(&r->picture, exif.orientation);
}

int decode_jpeg(const struct encoded *file, struct image *picture)
{
    struct reader r = {.file = file};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.jpeg.client_data = &r;
    r.errors.error_exit = stop;
    r.errors.emit_message = judge_message;
    r.progress.progress_monitor = check_progress;
    int result = read_all(&r);
    jpeg_destroy_decompress(&r.jpeg);
    free(r.tags.profile);
    if (result)
        image_release(&r.picture);
    else
        *picture = r.picture;
    return result;
}
