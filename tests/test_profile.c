/* Tunings: the table, profiles written and read, and that their values reach the kernels. */
#include "base/files.h"
#include "base/memory.h"
#include "check/layer_check.h"
#include "compute/open_device.h"
#include "compute/profile.h"
#include "compute/tunables.h"
#include "config/settings.h"
#include "layers/layers.h"
#include "own_kernels.h"
#include "products.h"
#include "scratch.h"
#include "standard_error.h"
#include "test_choice.h"
#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const device_info machine = {.platform = "Some Platform",
                                    .name = "Some CPU (tm) 9000",
                                    .driver = "1.2",
                                    .type = CL_DEVICE_TYPE_CPU,
                                    .vector_width = 8};

static void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static bool same_tuning(const tuning *a, const tuning *b)
{
    for (int s = 0; s < TUNING_SECTIONS; s++)
        if (!tuning_same(a, b, s))
            return false;
    return true;
}

static const tunable *find(const char *name)
{
    for (int i = 0; i < TUNABLES; i++)
        if (!strcmp(tunables[i].name, name))
            return &tunables[i];
    fail_msg("no %s in the table", name);
    return NULL;
}

/* Parameters of CLBlast that fit together, in the table's order. */
enum { SETS = 2 };
static const int xgemm_sets[SETS][XGEMM_PARAMETERS] = {
    {0, 1, 16, 2, 8, 8, 32, 8, 8, 32, 1, 1, 0, 0, 2, 2},
    {0, 1, 16, 2, 16, 16, 128, 16, 16, 128, 1, 1, 0, 0, 4, 4},
};
static const int direct_sets[SETS][XGEMM_DIRECT_PARAMETERS] = {
    {2, 8, 8, 8, 8, 1, 1, 1, 1, 8},
    {2, 8, 8, 8, 8, 1, 1, 4, 4, 32},
};

static void take_xgemm(tuning *t, int set)
{
    memcpy(t->xgemm, xgemm_sets[set], sizeof t->xgemm);
}

static void take_direct(tuning *t, int set)
{
    memcpy(t->xgemm_direct, direct_sets[set], sizeof t->xgemm_direct);
}

/* ---- The table ---- */

static void every_class_and_candidate_is_allowed(void **state)
{
    (void)state;
    static const unsigned widths[] = {1, 4, 8, 16, 32};
    for (size_t i = 0; i < COUNT(widths); i++)
        must(tuning_check(&tuning_class_of(true, widths[i])->values));
    must(tuning_check(&tuning_class_of(false, 1)->values));
    for (int i = 0; i < TUNABLES; i++) {
        const tunable *row = &tunables[i];
        for (int k = 0; k < row->candidate_count; k++) {
            tuning t = tuning_default;
            tunable_set(row, &t, row->candidates[k]);
            must(tuning_check(&t));
        }
        assert_int_equal(row->candidate_count == 0, section_is_clblast(row->section));
    }
    for (int i = 0; i < SETS; i++) {
        tuning t = tuning_default;
        take_xgemm(&t, i);
        take_direct(&t, i);
        must(tuning_check(&t));
    }
}

static void classes_follow_from_vectors(void **state)
{
    (void)state;
    const tuning *wide = &tuning_class_of(true, 16)->values;
    assert_true(same_tuning(wide, &tuning_default));
    assert_int_equal(tuning_class_of(true, 8)->values.tile, 6);
    assert_int_equal(tuning_class_of(true, 8)->values.vectors, 1);
    assert_int_equal(tuning_class_of(true, 4)->values.tile, 4);
    assert_ptr_equal(tuning_class_of(true, 1), tuning_class_of(true, 4));
    assert_string_equal(tuning_class_of(false, 16)->name, "GPU");
    assert_ptr_equal(device_class(&machine), tuning_class_of(true, 8));
}

static void a_class_can_be_chosen(void **state)
{
    (void)state;
    static const char *const keys[] = {"cpu16", "cpu8", "cpu4", "gpu"};
    device_info chosen = machine;
    for (size_t i = 0; i < COUNT(keys); i++) {
        tuning t = {0};
        chosen.class = tuning_class_named(keys[i]);
        assert_non_null(chosen.class);
        assert_string_equal(chosen.class->key, keys[i]);
        assert_null(profile_find(&chosen, &t));
        assert_true(same_tuning(&t, &chosen.class->values));
        device *d;
        must(device_open_tuned(&d, (device_choice){.class = chosen.class}));
        assert_true(same_tuning(&d->tuning, &chosen.class->values));
        device_close(d);
    }
    assert_null(tuning_class_named("auto"));
}

static void values_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    tuning t = tuning_default;
    t.rows = 40;
    assert_int_equal(tuning_check(&t), -1);
    assert_error(STATUS_RUNTIME, "tiled.rows = 40", "16");
    t = tuning_default;
    take_xgemm(&t, 0);
    tunable_set(find("VWM"), &t, 8); /* 8 * 8 is more than 32 */
    assert_int_equal(tuning_check(&t), -1);
    assert_error(STATUS_RUNTIME, "[xgemm]", "fit");
    take_xgemm(&t, 0);
    tunable_set(find("KWG"), &t, 0);
    assert_int_equal(tuning_check(&t), -1);
    assert_error(STATUS_RUNTIME, "xgemm.KWG = 0", "1 to 256");
    t = tuning_default;
    take_direct(&t, 0);
    tunable_set(find("WGD"), &t, 9); /* no multiple of KWID */
    assert_int_equal(tuning_check(&t), -1);
    assert_error(STATUS_RUNTIME, "[xgemm_direct]", "fit");
}

/* ---- Files ---- */

static int set_up(void **state)
{
    int result = scratch_make(state);
    compile_quickly(true);
    setenv("UNBLEND_PROFILE_DIR", scratch, 1);
    return result;
}

static void profiles_have_a_place(void **state)
{
    (void)state;
    char *own = profile_path(&machine), *other, *home;
    device_info twin = machine;
    snprintf(twin.name, sizeof twin.name, "Some CPU [tm] 9000");
    other = profile_path(&twin);
    assert_non_null(strstr(own, "/some-platform-some-cpu-tm-9000-"));
    assert_string_not_equal(own, other);
    free(other);
    unsetenv("UNBLEND_PROFILE_DIR");
    setenv("XDG_CONFIG_HOME", "/etc/nobody", 1);
    other = profile_path(&machine);
    assert_memory_equal(other, "/etc/nobody/unblend/profiles/", 29);
    setenv("XDG_CONFIG_HOME", "relative", 1);
    home = copy_text(getenv("HOME") ? getenv("HOME") : "/");
    setenv("HOME", "/home/nobody", 1);
    free(other);
    other = profile_path(&machine);
    assert_memory_equal(other, "/home/nobody/.config/unblend/profiles/", 38);
    unsetenv("HOME");
    assert_null(profile_path(&machine));
    assert_error(STATUS_RUNTIME, "HOME", "UNBLEND_PROFILE_DIR");
    tuning t;
    assert_null(profile_find(&machine, &t));
    assert_string_equal(error_message(), "");
    setenv("HOME", home, 1);
    setenv("UNBLEND_PROFILE_DIR", scratch, 1);
    unsetenv("XDG_CONFIG_HOME");
    free(home);
    free(other);
    free(own);
}

/* A profile that is there but cannot be reached is not one that was never made. */
static void an_unreachable_profile_is_warned_of(void **state)
{
    (void)state;
    tuning t;
    char *path = profile_path(&machine);
    assert_non_null(path);
    for (int broken = 0; broken < 2; broken++) {
        assert_int_equal(broken ? symlink("nothing", path) : 0, 0);
        standard_error_begin();
        assert_null(profile_find(&machine, &t));
        const char *told = standard_error_end();
        assert_int_equal(strstr(told, "a link that leads nowhere") != NULL, broken);
        assert_int_equal(*told != '\0', broken);
    }
    unlink(path);
    free(path);
}

static tuning unusual(void)
{
    tuning t = tuning_default;
    t.tile = 12;
    t.winograd_channels = 0;
    t.depth = 8;
    take_xgemm(&t, 1);
    return t;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char *path = profile_path(&machine);
    tuning written = unusual(), got = {0};
    assert_null(profile_find(&machine, &got)); /* none yet: the class's */
    assert_true(same_tuning(&got, &device_class(&machine)->values));
    must(profile_write(path, &machine, &written));
    must(profile_read(path, &machine, &got));
    assert_true(same_tuning(&written, &got));
    assert_false(tuning_overrides(&got, SECTION_XGEMM_DIRECT));
    char *found = profile_find(&machine, &got);
    assert_string_equal(found, path);
    assert_true(same_tuning(&written, &got));
    unlink(path);
    free(found);
    free(path);
}

static void names_of_drivers_may_be_odd(void **state)
{
    (void)state;
    device_info odd = machine;
    snprintf(odd.name, sizeof odd.name, "; [x] = #\n\"\\");
    char *path = profile_path(&odd);
    tuning written = unusual(), got;
    must(profile_write(path, &odd, &written));
    must(profile_read(path, &odd, &got));
    assert_true(same_tuning(&written, &got));
    unlink(path);
    free(path);
}

static void stale_profiles_are_refused(void **state)
{
    (void)state;
    char *path = profile_path(&machine);
    tuning t = unusual(), got = tuning_default;
    device_info driver = machine, name = machine;
    snprintf(driver.driver, sizeof driver.driver, "1.3");
    snprintf(name.name, sizeof name.name, "Another");
    must(profile_write(path, &machine, &t));
    assert_int_equal(profile_read(path, &driver, &got), -1);
    assert_error(STATUS_RUNTIME, path, "driver 1.2, this is 1.3");
    assert_int_equal(profile_read(path, &name, &got), -1);
    assert_error(STATUS_RUNTIME, path, "device");
    assert_true(same_tuning(&got, &tuning_default));
    assert_null(profile_find(&driver, &got));
    assert_true(same_tuning(&got, &device_class(&machine)->values));
    unlink(path);
    free(path);
}

/* Whether the kernels of a file look at what is tuned. */
static bool takes_tuning(const char *text)
{
    static const char *const words[] = {"TILE", "VECTORS", "COLUMNS", "\"fetch.h\""};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strstr(text, words[i]))
            return true;
    return false;
}

/* Whether the profile is stale after a change of the file. */
static bool is_stale_with(const char *name, const char *profile)
{
    tuning got;
    char *text = kernels_text(kernels_origin, name);
    char *changed = format_text("%s/* changed */\n", text);
    kernels_write(name, changed);
    bool stale = profile_read(profile, &machine, &got) != 0;
    kernels_put_back(name);
    must(profile_read(profile, &machine, &got));
    free(changed);
    free(text);
    return stale;
}

static void changed_kernels_make_profiles_stale(void **state)
{
    (void)state;
    int tuned = 0, others = 0;
    tuning t = unusual();
    char *profile = path_join(scratch, "of-kernels.ini");
    kernels_copy();
    must(profile_write(profile, &machine, &t));
    DIR *directory = opendir(kernels_origin);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        const char *ending = strrchr(entry->d_name, '.');
        if (!ending || strcmp(ending, ".cl"))
            continue;
        char *text = kernels_text(kernels_origin, entry->d_name);
        bool takes = takes_tuning(text);
        if (is_stale_with(entry->d_name, profile) != takes)
            fail_msg("%s: stale should be %d", entry->d_name, takes);
        tuned += takes;
        others += !takes;
        free(text);
    }
    closedir(directory);
    assert_true(tuned >= 7 && others >= 7);
    assert_true(is_stale_with("tile.h", profile)); /* which they include */
    kernels_release();
    free(profile);
}

/* The text of a good profile with one piece of it replaced. */
static const char *altered(const char *from, const char *to)
{
    char *path = profile_path(&machine);
    unsigned char *text;
    size_t length;
    tuning t = unusual();
    must(profile_write(path, &machine, &t));
    must(file_read(path, 1 << 16, STATUS_RUNTIME, &text, &length));
    char *at = strstr((char *)text, from);
    assert_non_null(at);
    char *whole = format_text("%.*s%s%s", (int)(at - (char *)text), text, to, at + strlen(from));
    const char *changed = scratch_file("altered.ini", whole, strlen(whole));
    unlink(path);
    free(whole);
    free(text);
    free(path);
    return changed;
}

static void broken_profiles_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *wanted, *also;
    } cases[] = {
        {"format = 1", "format = 2", "format 2", "this is 1"},
        {"driver = 1.2\n", "", "[profile] lacks driver", ""},
        {"tile = 12", "tiles = 12", "altered.ini:", "unknown key tiles"},
        {"tile = 12", "tile = 99", "vector.tile = 99", "2 to 16"},
        {"tile = 12", "tile = -1", "vector.tile = -1", "out of range"},
        {"tile = 12", "tile = 99999999999999999999", "not a whole number", "9999"},
        {"tile = 12", "tile = 12x", "not a whole number", "12x"},
        {"tile = 12", "tile =", "not a whole number", ""},
        {"tile = 12", "tile = 12\ntile = 6", "tile is set twice", "altered.ini:"},
        {"driver = 1.2", "driver = 1.2\ndriver = 1.2", "driver is set twice", "altered.ini:"},
        {"tile = 12", "tile", "expected [section], key = value", "altered.ini:"},
        {"[vector]", "[vectors]", "unknown section", "vectors"},
        {"[vector]", "[vector", "a section is written [name]", "altered.ini:"},
        {"[vector]", "", "unknown key", "vectors"},
        {"[profile]", "", "stands outside a section", "[profile]"},
        {"KWG = 16\n", "", "[xgemm] lacks KWG", ""},
        {"KWG = 16\n", "KWG = 4\n", "[xgemm]", "fit"},
        {"kernels = ", "kernels = 0", "made for kernels 0", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        tuning got = tuning_default;
        const char *path = altered(cases[i].from, cases[i].to);
        if (!profile_read(path, &machine, &got))
            fail_msg("\"%s\" instead of \"%s\" is accepted", cases[i].to, cases[i].from);
        assert_error(STATUS_RUNTIME, cases[i].wanted, cases[i].also);
        assert_true(same_tuning(&got, &tuning_default));
    }
    must(profile_read(altered("tile = 12\n", "# a comment\r\n\n"), &machine, &(tuning){0}));
}

static void garbage_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[5000];
    rng random = rng_start(1, STREAM_CHECK);
    tuning got = tuning_default;
    for (int round = 0; round < 50; round++) {
        size_t length = rng_below(&random, sizeof bytes);
        for (size_t i = 0; i < length; i++)
            bytes[i] = (unsigned char)(round % 2 ? 1 + rng_below(&random, 255) : rng_word(&random));
        const char *path = scratch_file("garbage.ini", bytes, length);
        assert_int_equal(profile_read(path, &machine, &got), -1);
        assert_error(STATUS_RUNTIME, path, "");
    }
    assert_int_equal(profile_read(scratch_path("none.ini"), &machine, &got), -1);
    assert_error(STATUS_RUNTIME, "none.ini", "No such file");
    assert_int_equal(profile_read(scratch, &machine, &got), -1);
    assert_error(STATUS_RUNTIME, scratch, "not a regular file");
    assert_true(same_tuning(&got, &tuning_default));
}

static void directories_are_made_or_complained_of(void **state)
{
    (void)state;
    tuning t = unusual();
    const char *deep = scratch_path("not/yet/there.ini"), *file = scratch_path("file");
    must(profile_prepare(deep));
    must(profile_write(deep, &machine, &t));
    must(profile_read(deep, &machine, &t));
    scratch_file("file", "", 0);
    char *below = path_join(file, "profile.ini");
    assert_int_equal(profile_prepare(below), -1);
    assert_error(STATUS_RUNTIME, file, "Not a directory");
    assert_int_equal(profile_write(below, &machine, &t), -1);
    assert_error(STATUS_RUNTIME, file, "Not a directory");
    free(below);
}

/* ---- Kernels ---- */

static device *open_real(enum kernel_family family)
{
    device *d = NULL;
    must(device_open_tuned(&d, test_choice(family)));
    return d;
}

static void check(device *d, const layer_case *c)
{
    check_report report = {0};
    must(layer_check(d, c, CHECK_FULL, &report));
}

static void check_convolutions(device *d)
{
    static const struct {
        shape x;
        struct conv2d_options options;
    } cases[] = {
        {{3, 7, 5, 3}, {17, 3, 2, 0}},    {{1, 9, 11, 2}, {1, 7, 1, 0}},
        {{2, 16, 16, 64}, {96, 1, 1, 0}}, {{3, 5, 9, 16}, {32, 3, 1, 0}},
        {{9, 11, 10, 16}, {16, 3, 1, 0}}, {{2, 13, 6, 64}, {64, 3, 1, 0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        check(d, &(layer_case){&conv2d_layer, &cases[i].options, {cases[i].x}, 1, false});
    struct conv2d_transpose_options up = {40};
    check(d, &(layer_case){&conv2d_transpose_layer, &up, {{2, 9, 3, 33}}, 1, false});
}

static void a_profile_reaches_the_kernels(void **state)
{
    (void)state;
    device *d = open_real(KERNELS_VECTOR);
    assert_null(d->profile);
    tuning t = d->tuning;
    t.vectors = 1;
    t.tile = 6;
    char *path = profile_path(&d->info);
    must(profile_write(path, &d->info, &t));
    device_close(d);
    d = open_real(KERNELS_VECTOR);
    assert_string_equal(d->profile, path);
    assert_true(same_tuning(&d->tuning, &t));
    check_convolutions(d);
    device_close(d);
    must(device_open(&d, test_choice(KERNELS_VECTOR)));
    assert_null(d->profile);
    assert_true(same_tuning(&d->tuning, &device_class(&d->info)->values));
    device_close(d);
    unlink(path);
    free(path);
}

static void every_vector_size_computes_the_same(void **state)
{
    (void)state;
    /* vectors, tile, winograd_channels, winograd_tiles, gradient_tiles, weight_chunks,
       fetch */
    enum { VECTOR_TUNABLES = 7 };
    static const int cases[][VECTOR_TUNABLES] = {{2, 4, 16, 16, 32, 2, 1},
                                                 {2, 12, 16, 8, 8, 1, 0},
                                                 {1, 8, 64, 32, 64, 8, 1},
                                                 {1, 12, 0, 16, 32, 2, 0},
                                                 {1, 7, 16, 1, 256, 64, 1}};
    device *d = open_real(KERNELS_VECTOR);
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int k = 0; k < VECTOR_TUNABLES; k++)
            tunable_set(&tunables[k], &d->tuning, cases[i][k]);
        must(tuning_check(&d->tuning));
        check_convolutions(d);
        struct dense_options dense = {.units = 70, .heads = 1};
        check(d, &(layer_case){&dense_layer, &dense, {{2, 8, 8, 400}}, 1, false});
    }
    device_close(d);
}

static void every_tiled_size_computes_the_same(void **state)
{
    (void)state;
    static const int cases[][3] = {{32, 128, 8}, {128, 32, 32}, {16, 48, 5}};
    device *d = open_real(KERNELS_TILED);
    for (size_t i = 0; i < COUNT(cases); i++) {
        d->tuning.rows = cases[i][0];
        d->tuning.columns = cases[i][1];
        d->tuning.depth = cases[i][2];
        must(tuning_check(&d->tuning));
        check_convolutions(d);
    }
    device_close(d);
}

static void a_config_chooses_the_kernels(void **state)
{
    (void)state;
    for (int tiled = 0; tiled < 2; tiled++) {
        const struct device_config c = {
            .platform = "", .device = "", .kernels = tiled ? "tiled" : "vector", .class = "auto"};
        device *d;
        must(open_device(&d, &c));
        assert_int_equal(d->kernels, tiled ? KERNELS_TILED : KERNELS_VECTOR);
        device_close(d);
    }
}

/* ---- CLBlast ---- */

static void clblast_multiplies_with_other_parameters(void **state)
{
    (void)state;
    device *d = open_real(KERNELS_TILED);
    must(gemm_override(d)); /* its own: nothing to do */
    must(check_product(d, 33, 17, 50));
    /* nonsense, to see that they arrive */
    take_direct(&d->tuning, 0);
    tunable_set(find("MDIMCD"), &d->tuning, 1 << 12);
    tunable_set(find("NDIMCD"), &d->tuning, 1 << 12);
    must(gemm_override(d));
    assert_int_equal(check_product(d, 33, 17, 50), -1);
    assert_error(STATUS_DEVICE, "CLBlast 33 x 17 x 50", "error");
    take_direct(&d->tuning, 1);
    take_xgemm(&d->tuning, 1);
    must(gemm_override(d));
    must(check_product(d, 33, 17, 50));
    must(check_product(d, 900, 1000, 901)); /* beyond 896 on average: Xgemm's */
    device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_and_candidate_is_allowed),
        cmocka_unit_test(classes_follow_from_vectors),
        cmocka_unit_test(a_class_can_be_chosen),
        cmocka_unit_test(values_that_do_not_fit_are_refused),
        cmocka_unit_test(profiles_have_a_place),
        cmocka_unit_test(an_unreachable_profile_is_warned_of),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(names_of_drivers_may_be_odd),
        cmocka_unit_test(stale_profiles_are_refused),
        cmocka_unit_test(changed_kernels_make_profiles_stale),
        cmocka_unit_test(broken_profiles_are_refused),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(directories_are_made_or_complained_of),
        cmocka_unit_test(a_profile_reaches_the_kernels),
        cmocka_unit_test(every_vector_size_computes_the_same),
        cmocka_unit_test(every_tiled_size_computes_the_same),
        cmocka_unit_test(a_config_chooses_the_kernels),
        cmocka_unit_test(clblast_multiplies_with_other_parameters),
    };
    return cmocka_run_group_tests_name("profiles", tests, set_up, scratch_remove);
}
