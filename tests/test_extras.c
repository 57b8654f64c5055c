/* What is written and told beside the sources of a picture: extras, the gallery, comparisons with truths. */
#include "scratch.h"
#include "worklists.h"

#include "base/files.h"
#include "base/json.h"
#include "image/image.h"
#include "image/scores.h"
#include "separate/earlier.h"
#include "separate/truths.h"

#include <math.h>

enum { SIDE = 24 };

static const mixture what = {.sources = 2, .names = {"mnist", "fashion"}, .format = {32, 32, 1}};
static const struct worklist_options no_extras, with_residual = {.residual = true},
                                                with_gallery = {.gallery = true};

/* ---- Pictures ---- */

static struct image shade(int width, int height, int channels, int depth, float value)
{
    struct image p;
    assert_int_equal(image_new_deep(&p, width, height, channels, depth), 0);
    for (size_t i = 0; i < (size_t)width * (size_t)height * (size_t)channels; i++)
        pixel_put(p.pixels, image_pixel_type(&p), i, value + (i % 3 ? 0 : 0.1f));
    return p;
}

static void write_picture(const char *name, const struct image *p)
{
    unsigned char *file;
    size_t length;
    assert_int_equal(image_pack(name, p, &file, &length), 0);
    scratch_file(name, file, length);
    free(file);
}

static void write_shade(const char *name, int width, int height, int channels, int depth,
                        float value)
{
    struct image p = shade(width, height, channels, depth, value);
    write_picture(name, &p);
    image_release(&p);
}

/* Puts a picture into a folder; returns the folder's name. */
static const char *folder_with(const char *folder, const char *name)
{
    char path[200];
    assert_int_equal(directory_make(scratch_path(folder)), 0);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_shade(path, SIDE, SIDE, 1, 8, 0.5f);
    return folder;
}

static worklist *list_of(const char *in, const char *out, const mixture *m,
                         struct worklist_options options)
{
    worklist *w;
    if (worklist_new(&w, scratch_path(in), scratch_path(out), m, options))
        fail_msg("%s", error_message());
    return w;
}

/* ---- Extras ---- */

static const char *extra(const json_t *manifest, const char *which)
{
    const json_t *file = json_array_get(json_object_get(manifest, "files"), 0);
    return json_string_value(json_object_get(json_object_get(file, "extras"), which));
}

static void extras_are_what_was_asked_for(void **state)
{
    (void)state;
    const struct {
        struct worklist_options options;
        const char *input, *residual, *gallery;
    } cases[] = {{no_extras, NULL, NULL, NULL},
                 {with_residual, NULL, "cat.residual.png", NULL},
                 {with_gallery, "cat.input.png", "cat.residual.png", "index.html"}};
    const char *in = folder_with("asked", "cat.jpg");
    for (int i = 0; i < 3; i++) {
        worklist *w = list_of(in, "asked-out", &what, cases[i].options);
        json_t *manifest = worklist_as_json(w);
        const char *gallery = json_string_value(json_object_get(manifest, "gallery"));
        const char *found[] = {extra(manifest, "input"), extra(manifest, "residual"), gallery};
        const char *wanted[] = {cases[i].input, cases[i].residual, cases[i].gallery};
        for (int e = 0; e < 3; e++) {
            assert_true(!found[e] == !wanted[e]);
            if (wanted[e])
                assert_string_equal(found[e], wanted[e]);
        }
        assert_true(!w->items[0].outputs[OUTPUT_INPUT] == !cases[i].input);
        assert_true(!w->items[0].outputs[OUTPUT_RESIDUAL] == !cases[i].residual);
        json_decref(manifest);
        worklist_free(w);
    }
}

static void sources_may_be_called_like_extras_that_are_not_written(void **state)
{
    (void)state;
    worklist *w;
    mixture m = what;
    const char *in = folder_with("called", "cat.png"), *out = "called-out";
    strcpy(m.names[1], "residual");
    worklist_free(list_of(in, "called-out", &m, no_extras));
    assert_int_equal(worklist_new(&w, scratch_path(in), scratch_path(out), &m, with_residual), -1);
    assert_error(STATUS_USAGE, "is called residual", "--residual");
    assert_int_equal(worklist_new(&w, scratch_path(in), scratch_path(out), &m, with_gallery), -1);
    assert_error(STATUS_USAGE, "is called residual", "--gallery");
    strcpy(m.names[1], "input");
    worklist_free(list_of(in, "called-out", &m, with_residual));
    assert_int_equal(worklist_new(&w, scratch_path(in), scratch_path(out), &m, with_gallery), -1);
    assert_error(STATUS_USAGE, "is called input", "--gallery");
    assert_false(directory_exists(scratch_path("called-out")));
}

static bool is_earlier(const worklist *w, const char *output)
{
    bool found = false;
    json_t *list = earlier_as_json(w);
    for (size_t i = 0; i < json_array_size(list); i++)
        found |=
            !strcmp(json_string_value(json_object_get(json_array_get(list, i), "output")), output);
    json_decref(list);
    return found;
}

static void earlier_extras_are_ours(void **state)
{
    (void)state;
    const char *in = folder_with("ours", "cat.png");
    worklist *w = list_of(in, "ours-out", &what, with_gallery);
    finish(w);
    worklist_free(w);
    w = list_of(in, "ours-out", &what, with_gallery); /* may be written again */
    for (int k = 0; k < 2; k++)
        assert_true(w->items[0].ours[k]);
    assert_true(w->items[0].ours[OUTPUT_INPUT]);
    assert_true(w->items[0].ours[OUTPUT_RESIDUAL]);
    assert_false(is_earlier(w, "cat.input.png"));
    worklist_free(w);
    w = list_of(in, "ours-out", &what, no_extras); /* not written again, but known */
    assert_true(is_earlier(w, "cat.input.png"));
    assert_true(is_earlier(w, "cat.residual.png"));
    finish(w);
    worklist_free(w);
    w = list_of(in, "ours-out", &what, with_residual); /* also by the run after the next */
    assert_true(w->items[0].ours[OUTPUT_RESIDUAL]);
    assert_true(is_earlier(w, "cat.input.png"));
    worklist_free(w);
}

static void a_file_is_no_output_folder(void **state)
{
    (void)state;
    worklist *w;
    const char *in = folder_with("filed", "cat.png");
    assert_int_equal(
        worklist_new(&w, scratch_path(in), scratch_path("filed/cat.png"), &what, no_extras), -1);
    assert_error(STATUS_USAGE, "filed/cat.png: not a directory", "choose another");
}

static void extras_of_others_are_not_overwritten(void **state)
{
    (void)state;
    static const char *const names[] = {"cat.input.png", "cat.residual.png"};
    worklist *w;
    const char *in = folder_with("mine", "cat.png");
    for (int i = 0; i < 2; i++) {
        const char *out = folder_with(i ? "theirs-residual" : "theirs-input", names[i]);
        worklist_free(list_of(in, out, &what, no_extras));
        assert_int_equal(worklist_new(&w, scratch_path(in), scratch_path(out), &what, with_gallery),
                         -1);
        assert_error(STATUS_USAGE, names[i], "does not say that it came from");
    }
}

static void a_failed_picture_takes_its_extras_along(void **state)
{
    (void)state;
    const char *in = folder_with("failing", "cat.png");
    worklist *w = list_of(in, "failing-out", &what, with_gallery);
    finish(w);
    worklist_free(w);
    w = list_of(in, "failing-out", &what, with_gallery);
    (void)(fail)(STATUS_DATA, "it is bad");
    assert_int_equal(worklist_fail(w, &w->items[0]), 0);
    assert_false(file_exists(scratch_path("failing-out/cat.mnist.png")));
    assert_false(file_exists(scratch_path("failing-out/cat.input.png")));
    assert_false(file_exists(scratch_path("failing-out/cat.residual.png")));
    worklist_free(w);
}

static void foreign_pages_stay(void **state)
{
    (void)state;
    worklist *w;
    const char *in = folder_with("page", "cat.png");
    assert_int_equal(directory_make(scratch_path("page-out")), 0);
    scratch_file("page-out/index.html", "mine", 4);
    assert_int_equal(
        worklist_new(&w, scratch_path(in), scratch_path("page-out"), &what, with_gallery), -1);
    assert_error(STATUS_USAGE, "page-out/index.html", "move it away");
    w = list_of(in, "page-out", &what, no_extras); /* it is in nobody's way otherwise, */
    assert_false(w->has_gallery);
    finish(w); /* and does not become ours */
    worklist_free(w);
    assert_int_equal(
        worklist_new(&w, scratch_path(in), scratch_path("page-out"), &what, with_gallery), -1);
    assert_error(STATUS_USAGE, "page-out/index.html", "move it away");
}

static void own_pages_stay_known(void **state)
{
    (void)state;
    const char *in = folder_with("known", "cat.png");
    for (int i = 0; i < 4; i++) {
        worklist *w = list_of(in, "known-out", &what, i % 3 ? no_extras : with_gallery);
        assert_true(w->has_gallery);
        finish(w);
        scratch_file("known-out/index.html", "page", 4);
        worklist_free(w);
    }
    assert_int_equal(unlink(scratch_path("known-out/index.html")), 0);
    worklist *w = list_of(in, "known-out", &what, no_extras);
    assert_false(w->has_gallery); /* what is gone is not known */
    worklist_free(w);
}

/* ---- Truths ---- */

static void truths_have_to_be_there(void **state)
{
    (void)state;
    worklist *w = list_of(folder_with("some", "cat.png"), "some-out", &what, no_extras);
    assert_int_equal(truths_look(scratch_path("absent"), w), -1);
    assert_error(STATUS_DATA, "absent: no such directory", "");
    assert_int_equal(truths_look(scratch_path("some/cat.png"), w), -1);
    assert_error(STATUS_DATA, "some/cat.png", "");
    assert_int_equal(directory_make(scratch_path("half")), 0);
    write_shade("half/cat.mnist.png", SIDE, SIDE, 1, 8, 0.5f);
    assert_int_equal(truths_look(scratch_path("half"), w), -1);
    assert_error(STATUS_DATA, "half: holds the truths of none", "cat.mnist.png");
    write_shade("half/cat.fashion.png", SIDE, SIDE, 1, 8, 0.5f);
    assert_int_equal(truths_look(scratch_path("half"), w), 0);
    worklist_free(w);
    w = list_of("some", "truths-out", &what, no_extras);
    finish(w); /* results of an earlier run are called as truths are */
    assert_int_equal(truths_look(scratch_path("some/../truths-out/"), w), -1);
    assert_error(STATUS_USAGE, "truths-out", "compared with themselves");
    worklist_free(w);
}

static void truths_that_cannot_be_compared_are_told(void **state)
{
    (void)state;
    const struct {
        const char *name, *part;
        int width, height;
    } cases[] = {{"absent", "cat.fashion.png", 0, 0},
                 {"damaged", "cat.fashion.png", 1, 0},
                 {"larger", "24 x 25 pixels, where the picture has 24 x 24", SIDE, SIDE + 1},
                 {"turned", "25 x 24 pixels, where the picture has 24 x 24", SIDE + 1, SIDE}};
    struct image found[] = {shade(SIDE, SIDE, 1, 8, 0.5f), shade(SIDE, SIDE, 1, 8, 0.25f)};
    worklist *w = list_of(folder_with("told", "cat.png"), "told-out", &what, no_extras);
    for (int i = 0; i < 4; i++) {
        char name[100];
        assert_int_equal(directory_make(scratch_path(cases[i].name)), 0);
        snprintf(name, sizeof name, "%s/cat.mnist.png", cases[i].name);
        write_shade(name, SIDE, SIDE, 1, 8, 0.5f);
        snprintf(name, sizeof name, "%s/cat.fashion.png", cases[i].name);
        if (cases[i].height)
            write_shade(name, cases[i].width, cases[i].height, 1, 8, 0.5f);
        else if (cases[i].width)
            scratch_file(name, "no picture", 10);
        assert_int_equal(truths_score(scratch_path(cases[i].name), w, &w->items[0], found, false),
                         0);
        assert_false(w->items[0].scored);
        assert_non_null(strstr(w->items[0].unscored, cases[i].part));
        assert_non_null(strstr(w->items[0].unscored, name));
        free(w->items[0].unscored);
        w->items[0].unscored = NULL;
    }
    image_release(&found[0]);
    image_release(&found[1]);
    worklist_free(w);
}

/* PSNR of what differs by so much everywhere. */
static double decibels(double difference)
{
    return -20 * log10(difference);
}

/* Truths of 8 and 16 bits, gray and in colour; sources of both depths. 0.2 and 0.6 are bytes. */
static void truths_are_compared_as_values(void **state)
{
    (void)state;
    static const double steps[] = {0.2, 0.2};
    worklist *w = list_of(folder_with("value", "cat.png"), "value-out", &what, no_extras);
    work_item *item = &w->items[0];
    assert_int_equal(directory_make(scratch_path("depths")), 0);
    for (int i = 0; i < 8; i++) {
        int channels = i & 1 ? 3 : 1, depth = i & 2 ? 16 : 8;
        struct image found[] = {shade(SIDE, SIDE, 1, i & 4 ? 16 : 8, 0.4f),
                                shade(SIDE, SIDE, 1, i & 4 ? 16 : 8, 0.4f)};
        struct image truths[] = {found[0], found[1]};
        for (int k = 0; k < 2; k++) { /* the same but for a step, in that format */
            truths[k] = (struct image){0};
            assert_int_equal(image_new_deep(&truths[k], SIDE, SIDE, channels, depth), 0);
            for (size_t v = 0; v < (size_t)SIDE * SIDE * (size_t)channels; v++)
                pixel_put(truths[k].pixels, image_pixel_type(&truths[k]), v,
                          pixel_value(found[k].pixels, image_pixel_type(&found[k]),
                                      v / (size_t)channels) +
                              (k ? 0.4f : 0.2f));
            write_picture(k ? "depths/cat.fashion.png" : "depths/cat.mnist.png", &truths[k]);
        }
        assert_int_equal(truths_score(scratch_path("depths"), w, item, found, false), 0);
        assert_true(item->scored);
        assert_null(item->unscored);
        assert_true(fabs(item->psnr[0] - decibels(steps[0])) < 0.03);
        assert_true(fabs(item->psnr[1] - decibels(2 * steps[1])) < 0.03);
        assert_true(item->ssim[0] > item->ssim[1] && item->ssim[0] < 1);
        for (int k = 0; k < 2; k++) {
            image_release(&found[k]);
            image_release(&truths[k]);
        }
    }
    worklist_free(w);
}

/* Three sources: the order with the least error counts, where any may be any. */
static void the_nearest_order_counts(void **state)
{
    (void)state;
    static const mixture three = {
        .sources = 3, .names = {"red", "green", "blue"}, .format = {32, 32, 1}};
    static const float truths[] = {0.2f, 0.4f, 0.8f}, outputs[] = {0.6f, 0.2f, 0.4f};
    static const char *const names[] = {"order/cat.red.png", "order/cat.green.png",
                                        "order/cat.blue.png"};
    struct image found[3];
    worklist *w = list_of(folder_with("ordered", "cat.png"), "ordered-out", &three, no_extras);
    work_item *item = &w->items[0];
    assert_int_equal(directory_make(scratch_path("order")), 0);
    for (int k = 0; k < 3; k++) {
        write_shade(names[k], SIDE, SIDE, 1, 8, truths[k]);
        found[k] = shade(SIDE, SIDE, 1, 8, outputs[k]);
    }
    assert_int_equal(truths_score(scratch_path("order"), w, item, found, false), 0);
    assert_true(fabs(item->psnr[0] - decibels(0.4)) < 0.1);
    assert_true(fabs(item->psnr[1] - decibels(0.2)) < 0.1);
    assert_true(fabs(item->psnr[2] - decibels(0.4)) < 0.1);
    assert_int_equal(truths_score(scratch_path("order"), w, item, found, true), 0);
    assert_true(fabs(item->psnr[0] - decibels(0.2)) < 0.1); /* 0.6 is 0.8 */
    assert_true(item->psnr[1] == 100 && item->psnr[2] == 100);
    assert_true(fabs(item->ssim[1] - 1) < 1e-12 && item->ssim[0] < 1);
    for (int k = 0; k < 3; k++)
        image_release(&found[k]);
    worklist_free(w);
}

/* A picture without truths, one too small for SSIM and one with all scores. */
static void means_are_of_what_has_scores(void **state)
{
    (void)state;
    double psnr[SOURCES_MAX], ssim[SOURCES_MAX];
    const char *in = folder_with("mean", "a.png");
    folder_with("mean", "b.png");
    folder_with("mean", "c.png");
    worklist *w = list_of(in, "mean-out", &what, no_extras);
    assert_int_equal(worklist_mean_scores(w, psnr, ssim), 0);
    w->items[0].scored = w->items[2].scored = true;
    for (int k = 0; k < 2; k++) {
        w->items[0].psnr[k] = 20 + k;
        w->items[1].psnr[k] = 77;
        w->items[2].psnr[k] = 30 + k;
        w->items[0].ssim[k] = 0.5 + 0.1 * k;
        w->items[1].ssim[k] = 0.9;
        w->items[2].ssim[k] = NAN;
    }
    assert_int_equal(worklist_mean_scores(w, psnr, ssim), 2);
    assert_true(psnr[0] == 25 && psnr[1] == 26);
    assert_true(ssim[0] == 0.5 && ssim[1] == 0.6);
    w->items[0].ssim[1] = NAN;
    assert_int_equal(worklist_mean_scores(w, psnr, ssim), 2);
    assert_true(ssim[0] == 0.5 && isnan(ssim[1]));
    worklist_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extras_are_what_was_asked_for),
        cmocka_unit_test(sources_may_be_called_like_extras_that_are_not_written),
        cmocka_unit_test(earlier_extras_are_ours),
        cmocka_unit_test(a_file_is_no_output_folder),
        cmocka_unit_test(extras_of_others_are_not_overwritten),
        cmocka_unit_test(a_failed_picture_takes_its_extras_along),
        cmocka_unit_test(foreign_pages_stay),
        cmocka_unit_test(own_pages_stay_known),
        cmocka_unit_test(truths_have_to_be_there),
        cmocka_unit_test(truths_that_cannot_be_compared_are_told),
        cmocka_unit_test(truths_are_compared_as_values),
        cmocka_unit_test(the_nearest_order_counts),
        cmocka_unit_test(means_are_of_what_has_scores),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
