/*
 * A folder of every kind of picture, and `separate` by its command line: each result is like its picture, and what
 * cannot be separated says why. The model gives what the test asks for, whatever the picture.
 */
#define shape tiff_shape /* tensors have a `shape`, too */
#include "tiff_shapes.h"
#undef shape

#include "tiny_model.h"

#include "base/log.h"
#include "command.h"

#include <jpeglib.h>
#include <png.h>
#include <webp/encode.h>
#include <zlib.h>

/* ---- Models ---- */

static const float constants[] = {0.2f, 0.8f}; /* bytes 51 and 204, shorts 13107 and 52428 */

static int make_constant_colour(params *p, const float *biases)
{
    return fill_param(p, "heads/kernel", 0) || write_param(p, "heads/bias", biases) ? -1 : 0;
}

static int save_colour_model(const char *path)
{
    static const char *const overrides[] = {"model.filters=2", "model.modules=2",
                                            "model.convolutions=1", "model.activation=sigmoid",
                                            "data.channels=3"};
    const float low = logf(0.25f), biases[] = {low, low, low, -low, -low, -low};
    return save_model_of(path, overrides, 5, 7, 0, make_constant_colour, biases);
}

/* ---- Pictures that can be separated ---- */

static void keep(const char *name, const void *bytes, size_t length)
{
    char path[200];
    snprintf(path, sizeof path, "in/%s", name);
    scratch_file(path, bytes, length);
}

static void keep_copy(const char *name, const char *path, size_t cut)
{
    unsigned char *bytes;
    size_t length;
    load(path, &bytes, &length);
    keep(name, bytes, length - cut);
    free(bytes);
}

static void fill(struct image *p)
{
    unsigned count = (unsigned)(p->width * p->height * p->channels * p->depth / 8);
    for (unsigned i = 0; i < count; i++)
        p->pixels[i] = (unsigned char)(i * i / 3 + i);
}

static void keep_png(const char *name, int width, int height, int channels, int depth,
                     const char *profile)
{
    struct image p;
    unsigned char *file;
    size_t length;
    assert_int_equal(image_new_deep(&p, width, height, channels, depth), 0);
    fill(&p);
    p.tags.per_metre[0] = profile ? 11811 : 0;
    p.tags.per_metre[1] = profile ? 5906 : 0;
    if (profile) {
        p.tags.profile = malloc(PROFILE_LENGTH);
        assert_non_null(p.tags.profile);
        memcpy(p.tags.profile, profile_of(profile), PROFILE_LENGTH);
        p.tags.profile_length = PROFILE_LENGTH;
    }
    assert_int_equal(image_pack(name, &p, &file, &length), 0);
    keep(name, file, length);
    free(file);
    image_release(&p);
}

static void keep_png_of(const char *name, png_uint_32 format)
{
    static unsigned char pixels[16 * 12 * 4], colours[256 * 3];
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = 16,
                       .height = 12,
                       .format = format,
                       .colormap_entries = 200};
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i % 199);
    for (size_t i = 0; i < sizeof colours; i++)
        colours[i] = (unsigned char)(i * 5);
    char path[200];
    snprintf(path, sizeof path, "in/%s", name);
    assert_int_equal(png_image_write_to_file(&image, scratch_path(path), 0, pixels, 0, colours), 1);
}

static void keep_jpeg(const char *name, int channels, J_COLOR_SPACE space)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char row[40 * 4], *file = NULL;
    unsigned long length = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file, &length);
    jpeg.image_width = 40;
    jpeg.image_height = 30;
    jpeg.input_components = channels;
    jpeg.in_color_space = space;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < 30; y++) {
        for (int i = 0; i < 40 * channels; i++)
            row[i] = (unsigned char)(i * 3 + y);
        jpeg_write_scanlines(&jpeg, (JSAMPARRAY) & (unsigned char *){row}, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    keep(name, file, length);
    free(file);
}

static void keep_webp(const char *name)
{
    static unsigned char rgb[50 * 20 * 3];
    uint8_t *file = NULL;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (unsigned char)(i * 11);
    size_t length = WebPEncodeLosslessRGB(rgb, 50, 20, 150, &file);
    assert_true(length > 0);
    keep(name, file, length);
    WebPFree(file);
}

/* What is asked of each, with all of its channels. */
static const struct good {
    const char *name; /* without its ending */
    const char *file;
    int width, height, channels, depth;
    double across, down; /* pixels a metre */
    const char *profile;
} good[] = {
    {"dot", "dot.png", 1, 1, 1, 8, 0, 0, NULL},
    {"strip", "strip.png", 5000, 3, 1, 8, 0, 0, NULL},
    {"tower", "tower.png", 3, 1000, 3, 8, 0, 0, NULL},
    {"own", "own.png", 32, 32, 1, 8, 0, 0, NULL},
    {"inner", "inner.png", 28, 28, 1, 16, 0, 0, NULL},
    {"odd", "odd.png", 61, 47, 3, 8, 11811, 5906, "RGB "},
    {"palette", "palette.png", 16, 12, 3, 8, 0, 0, NULL},
    {"clear", "clear.png", 16, 12, 3, 8, 0, 0, NULL},
    {"gray16", "gray16.png", 33, 35, 1, 16, 11811, 5906, "GRAY"},
    {"rgb16", "rgb16.png", 35, 33, 3, 16, 11811, 5906, "RGB "},
    {"photo", "photo.jpg", 40, 30, 3, 8, 0, 0, NULL},
    {"plate", "plate.jpg", 40, 30, 1, 8, 0, 0, NULL},
    {"scan", "scan.tif", WIDTH, HEIGHT, 1, 16, 11811.02, 5905.51, "GRAY"},
    {"slide", "slide.tif", WIDTH, HEIGHT, 3, 16, 11811.02, 5905.51, "RGB "},
    {"turned", "turned.tif", HEIGHT, WIDTH, 3, 16, 5905.51, 11811.02, "RGB "},
    {"web", "web.webp", 50, 20, 3, 8, 0, 0, NULL},
};
enum { GOOD = sizeof good / sizeof *good };

static void make_good_pictures(void)
{
    keep_png("dot.png", 1, 1, 1, 8, NULL);
    keep_png("strip.png", 5000, 3, 1, 8, NULL);
    keep_png("tower.png", 3, 1000, 3, 8, NULL);
    keep_png("own.png", 32, 32, 1, 8, NULL);
    keep_png("inner.png", 28, 28, 1, 16, NULL);
    keep_png("odd.png", 61, 47, 3, 8, "RGB ");
    keep_png_of("palette.png", PNG_FORMAT_RGB_COLORMAP);
    keep_png_of("clear.png", PNG_FORMAT_RGBA);
    keep_png("gray16.png", 33, 35, 1, 16, "GRAY");
    keep_png("rgb16.png", 35, 33, 3, 16, "RGB ");
    keep_jpeg("photo.jpg", 3, JCS_RGB);
    keep_jpeg("plate.jpg", 1, JCS_GRAYSCALE);
    keep_copy("scan.tif", tagged_file(1, RESUNIT_INCH, 0), 0);
    keep_copy("slide.tif", tagged_file(3, RESUNIT_INCH, 0), 0);
    keep_copy("turned.tif", tagged_file(3, RESUNIT_INCH, 6), 0);
    keep_webp("web.webp");
}

/* ---- Pictures that cannot ---- */

static const struct bad {
    const char *name, *file, *why;
} bad[] = {
    {"empty", "empty.png", "the file is empty"},
    {"page", "page.jpg", "an HTML page"},
    {"cut", "cut.png", "the file ends early"},
    {"cut-tiff", "cut-tiff.tif", "damaged"},
    {"cut-web", "cut-web.webp", "the file ends early"},
    {"print", "print.jpg", "a CMYK JPEG"},
    {"separations", "separations.tif", "a TIFF in CMYK"},
    {"book", "book.tif", "a TIFF of 2 pages"},
    {"moving", "moving.png", "an animated PNG of 12 frames"},
    {"film", "film.webp", "an animated WebP of 2 frames"},
};
enum { BAD = sizeof bad / sizeof *bad };

static void keep_animated_png(void)
{
    enum { BEHIND_IHDR = 33 };
    unsigned char chunk[20] = "\0\0\0\x08"
                              "acTL",
                  *file, whole[1 << 12];
    size_t length;
    put_number(chunk + 8, 12);
    put_number(chunk + 16, crc32(0, chunk + 4, 12));
    load(scratch_path("in/dot.png"), &file, &length);
    memcpy(whole, file, BEHIND_IHDR);
    memcpy(whole + BEHIND_IHDR, chunk, sizeof chunk);
    memcpy(whole + BEHIND_IHDR + sizeof chunk, file + BEHIND_IHDR, length - BEHIND_IHDR);
    free(file);
    keep("moving.png", whole, length + sizeof chunk);
}

static void little(unsigned char *at, size_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

/* web.webp twice. */
static void keep_animated_webp(void)
{
    static unsigned char whole[1 << 16] = "RIFF....WEBPVP8X\x0a\0\0\0\x02\0\0\0\x31\0\0\x13\0\0"
                                          "ANIM\x06\0\0\0";
    unsigned char *file;
    size_t length, at = 44;
    load(scratch_path("in/web.webp"), &file, &length);
    for (int i = 0; i < 2; i++) {
        size_t pixels = length - 12;
        memcpy(whole + at, "ANMF", 4);
        little(whole + at + 4, 16 + pixels, 4);
        little(whole + at + 14, 49, 3);
        little(whole + at + 17, 19, 3);
        little(whole + at + 20, 100, 3);
        memcpy(whole + at + 24, file + 12, pixels);
        at += 24 + pixels;
    }
    little(whole + 4, at - 8, 4);
    free(file);
    keep("film.webp", whole, at);
}

static void make_bad_pictures(void)
{
    keep("empty.png", "", 0);
    keep("page.jpg", "<!DOCTYPE html><p>404", 21);
    keep_copy("cut.png", scratch_path("in/odd.png"), 1000);
    keep_copy("cut-web.webp", scratch_path("in/web.webp"), 30);
    keep_jpeg("print.jpg", 4, JCS_CMYK);
    const tiff_shape separations = {PHOTOMETRIC_SEPARATED, 8, 4, .extra = -1};
    keep_copy("separations.tif", tiff_file(&separations), 0);
    const tiff_shape page = {PHOTOMETRIC_MINISBLACK, 8, 1, .extra = -1};
    keep_copy("cut-tiff.tif", tiff_file(&page), 60);
    TIFF *tiff = TIFFOpen(scratch_path("in/book.tif"), "w");
    write_page(tiff, &page);
    write_page(tiff, &page);
    TIFFClose(tiff);
    keep_animated_png();
    keep_animated_webp();
}

static int set_up(void **state)
{
    log_set_level(LOG_QUIET);
    if (scratch_make(state) || directory_make(scratch_path("in")) ||
        constant_model_save(scratch_path("gray.safetensors"), constants[0], constants[1]) ||
        save_colour_model(scratch_path("colour.safetensors"))) {
        print_error("%s\n", error_message());
        return -1;
    }
    make_good_pictures();
    make_bad_pictures();
    return 0;
}

/* ---- Separating ---- */

static int separate(const char *model, const char *in, const char *out, const char *options)
{
    char words[2000];
    snprintf(words, sizeof words, "separate '%s' '%s' '%s' %s", scratch_path(model),
             scratch_path(in), scratch_path(out), options);
    return command_status(words);
}

/* To be released with free(). */
static char *text_of(const char *name)
{
    unsigned char *bytes;
    size_t length;
    load(scratch_path(name), &bytes, &length);
    char *text = malloc(length + 1);
    assert_non_null(text);
    memcpy(text, bytes, length);
    text[length] = 0;
    free(bytes);
    return text;
}

static struct image result(const char *out, const char *name, const char *what)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s.%s.png", out, name, what);
    return read_with(scratch_path(path), everything);
}

static void assert_like(const struct image *p, const struct good *g, int channels, int depth)
{
    assert_int_equal(p->width, g->width);
    assert_int_equal(p->height, g->height);
    assert_int_equal(p->channels, channels);
    assert_int_equal(p->depth, depth);
    assert_per_metre(p, g->across ? round(g->across) : 0, g->down ? round(g->down) : 0);
    /* the profile of colours says nothing of gray */
    assert_profile(p, channels == g->channels ? g->profile : NULL);
}

/* channels, depth: of all results; 0: as the picture has them. */
static void assert_results(const char *out, int channels, int depth)
{
    static const char *const names[] = {"mnist", "fashion"};
    for (int i = 0; i < GOOD; i++)
        for (int k = 0; k < 2; k++) {
            struct image p = result(out, good[i].name, names[k]);
            assert_like(&p, &good[i], channels ? channels : good[i].channels,
                        depth ? depth : good[i].depth);
            unsigned wanted = (unsigned)(constants[k] * (p.depth == 8 ? 255 : 65535) + 0.5f);
            for (size_t v = 0; v < (size_t)p.width * (size_t)p.height * (size_t)p.channels; v++)
                assert_int_equal(sample(&p, v), wanted);
            image_release(&p);
        }
    for (int i = 0; i < BAD; i++) {
        char name[200];
        snprintf(name, sizeof name, "%s/%s.mnist.png", out, bad[i].name);
        assert_false(file_exists(scratch_path(name)));
    }
}

static void results_are_like_their_pictures(void **state)
{
    (void)state;
    const struct {
        const char *model, *options;
        int channels, depth;
    } cases[] = {
        {"gray.safetensors", "", 1, 0},
        {"gray.safetensors", "--colour gray --depth 16 --batch 1", 1, 16},
        {"gray.safetensors", "--colour channels", 0, 0},
        {"gray.safetensors", "--colour channels --depth 8", 0, 8},
        {"colour.safetensors", "", 0, 0},
        {"colour.safetensors", "--depth 16 --colour channels --batch 3", 0, 16},
        {"colour.safetensors", "--colour gray --depth 8", 0, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int status = separate(cases[i].model, "in", "found", cases[i].options);
        if (status != 8)
            fail_msg("%s %s: exit code %d: %s", cases[i].model, cases[i].options, status,
                     text_of("err"));
        assert_results("found", cases[i].channels, cases[i].depth);
    }
}

static void what_cannot_be_separated_says_why(void **state)
{
    (void)state;
    char wanted[100];
    assert_int_equal(separate("gray.safetensors", "in", "said", ""), 8);
    char *told = text_of("err"), *manifest = text_of("said/manifest.json");
    snprintf(wanted, sizeof wanted, "%d of %d images failed", BAD, BAD + GOOD);
    assert_non_null(strstr(told, wanted));
    for (int i = 0; i < BAD; i++) {
        char *line = strstr(told, bad[i].file), *entry = strstr(manifest, bad[i].file);
        if (!line || !strstr(line, bad[i].why))
            fail_msg("%s should be told to be %s: %s", bad[i].file, bad[i].why, told);
        assert_non_null(entry);
        assert_non_null(strstr(entry, bad[i].why));
    }
    free(told);
    free(manifest);
    assert_int_equal(separate("gray.safetensors", "in", "strict", "--strict"), 3);
    told = text_of("err");
    assert_non_null(strstr(told, "book.tif: a TIFF of 2 pages"));
    assert_non_null(strstr(told, "stopped there (--strict), 0 of "));
    free(told);
}

/* The first picture is so large that another thread reads the next one before it is found to be cut off. */
static void strict_leaves_what_is_behind(void **state)
{
    (void)state;
    struct image large;
    unsigned char *file;
    size_t length;
    assert_int_equal(directory_make(scratch_path("slow")), 0);
    assert_int_equal(image_new(&large, 4000, 1500, 3), 0);
    fill(&large);
    assert_int_equal(image_pack("large", &large, &file, &length), 0);
    scratch_file("slow/a.png", file, length - 100);
    free(file);
    large.width = large.height = 20;
    assert_int_equal(image_pack("small", &large, &file, &length), 0);
    scratch_file("slow/b.png", file, length);
    scratch_file("slow/c.png", file, length);
    free(file);
    image_release(&large);
    assert_int_equal(separate("gray.safetensors", "slow", "slow-out", "--strict"), 3);
    char *told = text_of("err"), *manifest = text_of("slow-out/manifest.json");
    assert_non_null(strstr(told, "slow/a.png: damaged PNG"));
    assert_non_null(strstr(told, "0 of 3 images are done"));
    assert_non_null(strstr(manifest, "\"pending\""));
    assert_false(file_exists(scratch_path("slow-out/b.mnist.png")));
    free(told);
    free(manifest);
}

/* 0.5 + (input - average of the outputs) / 2, which is the input's own value / 2 + a quarter here, in its format. */
static void residuals_are_like_their_pictures(void **state)
{
    (void)state;
    assert_int_equal(separate("colour.safetensors", "in", "rest", "--residual --gallery"), 8);
    for (int i = 0; i < GOOD; i++) {
        char path[200];
        snprintf(path, sizeof path, "in/%s", good[i].file);
        struct image from = read_with(scratch_path(path), everything),
                     input = result("rest", good[i].name, "input"),
                     rest = result("rest", good[i].name, "residual");
        assert_like(&rest, &good[i], good[i].channels, good[i].depth);
        assert_like(&input, &good[i], good[i].channels, good[i].depth);
        double most = rest.depth == 8 ? 255 : 65535;
        for (size_t v = 0; v < (size_t)rest.width * (size_t)rest.height * (size_t)rest.channels;
             v++) {
            assert_int_equal(sample(&input, v), sample(&from, v));
            double wanted = (0.5 + (sample(&from, v) / most - 0.5) / 2) * most;
            assert_true(fabs(sample(&rest, v) - wanted) <= 0.51);
        }
        image_release(&from);
        image_release(&input);
        image_release(&rest);
    }
    char *page = text_of("rest/index.html");
    for (int i = 0; i < GOOD; i++)
        assert_non_null(strstr(page, good[i].file));
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_like_their_pictures),
        cmocka_unit_test(what_cannot_be_separated_says_why),
        cmocka_unit_test(strict_leaves_what_is_behind),
        cmocka_unit_test(residuals_are_like_their_pictures),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
