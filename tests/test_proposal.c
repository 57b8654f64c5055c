/* The settings that `unblend new` makes of what it found. */
#include "data/proposal.h"

#include "config/settings.h"
#include "scratch.h"

static const struct proposal_device no_device = {0};

/* Folders of pictures of that size, each with a hundred to train on; paths need not be there. */
static surveys found(int width, int height, bool coloured)
{
    static char *const paths[] = {"/data/cats", "/data/dogs", "/data/birds", "/data/cows"};
    surveys s = {.count = 2};
    for (int k = 0; k < SOURCES_MAX; k++)
        s.of[k] = (survey){.path = paths[k],
                           .parts = {700, 200, 100},
                           .looked = 500,
                           .coloured = coloured ? 500 : 0,
                           .smallest = {width, height, coloured},
                           .median = {width, height, coloured},
                           .largest = {width, height, coloured},
                           .one_size = true,
                           .usual_side = width < height ? width : height,
                           .mean_pixels = (double)width * height};
    return s;
}

static void propose_for(proposal *p, const surveys *s, const device_info *d)
{
    struct proposal_device device = {.info = d};
    if (proposal_make(p, s, &device))
        fail_msg("%s", error_message());
}

static proposal propose(const surveys *s)
{
    proposal p;
    propose_for(&p, s, NULL);
    return p;
}

static device_info device_of(cl_device_type type, size_t mebibytes)
{
    return (device_info){.type = type,
                         .name = "made up",
                         .global_memory = (cl_ulong)mebibytes << 20,
                         .max_allocation = (cl_ulong)mebibytes << 18};
}

static void assert_size(const proposal *p, enum fit_kind fit, int height, int width, int channels)
{
    assert_int_equal(p->fit, fit);
    assert_int_equal(p->mixture.format.height, height);
    assert_int_equal(p->mixture.format.width, width);
    assert_int_equal(p->mixture.format.channels, channels);
}

static void small_pictures_of_one_size_are_taken_whole(void **state)
{
    (void)state;
    surveys s = found(28, 20, false);
    proposal p = propose(&s);
    assert_size(&p, FIT_PAD, 24, 32, 1);
    assert_false(p.photos);
    s = found(96, 96, false);
    p = propose(&s);
    assert_size(&p, FIT_PAD, 96, 96, 1);
    s = found(9, 9, false);
    p = propose(&s);
    assert_size(&p, FIT_PAD, 16, 16, 1);
    s = found(97, 64, false);
    p = propose(&s);
    assert_size(&p, FIT_CROP, 64, 64, 1);
    assert_true(p.photos);
}

static void pictures_of_several_sizes_are_cropped_or_scaled(void **state)
{
    (void)state;
    surveys s = found(28, 28, false);
    s.of[1].median.width = s.of[1].largest.width = 30;
    proposal p = propose(&s);
    assert_size(&p, FIT_RESIZE, 32, 32, 1);
    s = found(90, 70, false);
    s.of[1].one_size = false;
    p = propose(&s);
    assert_size(&p, FIT_CROP, 64, 64, 1);
    s = found(600, 400, false);
    s.of[1].usual_side = 50; /* most of one source are small */
    p = propose(&s);
    assert_size(&p, FIT_RESIZE, 56, 56, 1);
}

static void one_coloured_source_makes_all_coloured(void **state)
{
    (void)state;
    surveys s = found(600, 400, false);
    s.of[1].coloured = 1;
    proposal p = propose(&s);
    assert_int_equal(p.mixture.format.channels, 3);
}

static void a_large_device_gets_more(void **state)
{
    (void)state;
    proposal p;
    surveys s = found(600, 400, true);
    device_info gpu = device_of(CL_DEVICE_TYPE_GPU, 16384);
    propose_for(&p, &s, &gpu);
    assert_size(&p, FIT_CROP, 128, 128, 3);
    assert_int_equal(p.filters, 64);
    assert_int_equal(p.batch, 32);
    assert_true(p.fits);
    s.of[0].usual_side = 127;
    propose_for(&p, &s, &gpu);
    assert_size(&p, FIT_CROP, 64, 64, 3);
    device_info cpu = device_of(CL_DEVICE_TYPE_CPU, 16384);
    propose_for(&p, &s, &cpu);
    assert_size(&p, FIT_CROP, 64, 64, 3);
    assert_int_equal(p.filters, 32);
    assert_int_equal(p.batch, 32);
}

/* The batch is halved until the training takes half the memory, and no further. */
static void a_small_device_gets_less(void **state)
{
    (void)state;
    proposal whole, p;
    surveys s = found(600, 400, true);
    device_info cpu = device_of(CL_DEVICE_TYPE_CPU, 16384);
    propose_for(&whole, &s, &cpu);
    cpu.global_memory = 2 * whole.bytes;
    propose_for(&p, &s, &cpu);
    assert_int_equal(p.batch, 32);
    cpu.global_memory--;
    cpu.global_memory--;
    propose_for(&p, &s, &cpu);
    assert_int_equal(p.batch, 16);
    assert_true(p.fits);
    assert_true(p.bytes <= cpu.global_memory / 2);
    cpu.global_memory = (cl_ulong)8 << 20;
    propose_for(&p, &s, &cpu);
    assert_int_equal(p.batch, 2);
    assert_false(p.fits);
    device_info gpu = device_of(CL_DEVICE_TYPE_GPU, 1024);
    propose_for(&p, &s, &gpu);
    assert_int_equal(p.filters, 32);
    assert_true(p.fits);
    gpu.max_allocation = (cl_ulong)16 << 20;
    propose_for(&p, &s, &gpu);
    assert_true(p.batch < 32);
}

static void an_epoch_is_of_moderate_length(void **state)
{
    (void)state;
    surveys s = found(28, 28, false);
    proposal p = propose(&s);
    assert_int_equal(p.steps, 200);
    assert_int_equal(p.validation_steps, 10);
    s.of[1].parts[PART_TRAIN] = 32 * 300;
    s.of[1].parts[PART_VALIDATION] = 32 * 30;
    p = propose(&s);
    assert_int_equal(p.steps, 300);
    assert_int_equal(p.validation_steps, 30);
    assert_int_equal(p.least[PART_TRAIN], 700);
    s.of[1].parts[PART_TRAIN] = s.of[1].parts[PART_VALIDATION] = 1000000;
    p = propose(&s);
    assert_int_equal(p.steps, 1500);
    assert_int_equal(p.validation_steps, 375);
    s.of[0].parts[PART_VALIDATION] = 0;
    p = propose(&s);
    assert_int_equal(p.validation_steps, 0);
}

static void pictures_that_no_cache_holds_are_reduced(void **state)
{
    (void)state;
    surveys s = found(1024, 1024, true); /* 3 MiB each, 1000 of them */
    proposal p = propose(&s);
    assert_int_equal(p.longest_side, 0);
    s = found(6000, 4000, true); /* 69 MiB each; 7 GiB with a longer side of 2048 */
    p = propose(&s);
    assert_int_equal(p.longest_side, 2048);
    s.of[1].parts[PART_TRAIN] = 100000000;
    p = propose(&s);
    assert_int_equal(p.longest_side, 256); /* a piece is to be a piece */
}

static void assert_names(const proposal *p, const char *first, const char *second)
{
    assert_string_equal(p->mixture.names[0], first);
    assert_string_equal(p->mixture.names[1], second);
}

static void names_are_those_of_the_folders(void **state)
{
    (void)state;
    surveys s = found(28, 28, false);
    proposal p = propose(&s);
    assert_names(&p, "cats", "dogs");
    s.of[0].path = "/data/mnist";
    s.of[1].path = "/data/fashion-mnist";
    p = propose(&s);
    assert_names(&p, "mnist", "fashion"); /* as a config without names has it */
    s.of[0].path = "/data/Old Pages, \"1\"";
    s.of[1].path = "/other/\xff\xfe";
    p = propose(&s);
    assert_names(&p, "old-pages---1-", "source2");
    s.of[0].path = "/data/a";
    s.of[1].path = "/data/b";
    p = propose(&s);
    assert_names(&p, "a", "b");
}

static void equal_names_are_numbered(void **state)
{
    (void)state;
    surveys s = found(28, 28, false);
    s.count = 4;
    s.of[0].path = "/x/pages";
    s.of[1].path = "/y/pages";
    s.of[2].path = "/x/pages-1";
    s.of[3].path = "/x/Pages";
    proposal p = propose(&s);
    assert_names(&p, "pages-2", "pages-3");
    assert_string_equal(p.mixture.names[2], "pages-1");
    assert_string_equal(p.mixture.names[3], "pages-4");
    assert_false(p.permutation);
    s.count = 2;
    s.of[0].path = "/x/a-name-of-more-than-thirty-two-characters";
    s.of[1].path = "/y/a-name-of-more-than-thirty-two-characters";
    p = propose(&s);
    assert_names(&p, "a-name-of-more-than-thirty-two-1", "a-name-of-more-than-thirty-two-2");
}

static void one_folder_twice_is_trained_in_any_order(void **state)
{
    (void)state;
    char path[600], other[600];
    surveys s = found(28, 28, false);
    snprintf(path, sizeof path, "%s", scratch_path("pages"));
    snprintf(other, sizeof other, "%s", scratch_path("link"));
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(symlink(path, other), 0);
    s.of[0].path = path;
    s.of[1].path = other;
    proposal p = propose(&s);
    assert_true(p.permutation);
    assert_names(&p, "pages-1", "pages-2");
    char *text = proposal_config(&p, &s);
    assert_non_null(text);
    assert_non_null(strstr(text, "\nobjective = permutation\n"));
    assert_null(strstr(text, "objective = squared_error"));
    free(text);
}

static settings *read_back(const proposal *p, const surveys *s)
{
    settings *c;
    char *text = proposal_config(p, s);
    if (!text)
        fail_msg("%s", error_message());
    assert_int_equal(settings_parse_alone(&c, text, "new"), 0);
    free(text);
    return c;
}

/* In directories of any name, side by side and apart. */
static void the_config_names_the_folders(void **state)
{
    (void)state;
    static const char *const odd[] = {"a, \"b\" 'c' \\ #d;", "\xc3\xbc\n\xff", "apart"};
    char paths[3][2 * sizeof scratch];
    surveys s = found(28, 28, true);
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s%s%s", scratch, i == 2 ? odd[0] : "",
                 i == 2 ? "/" : "", odd[i]);
        assert_int_equal(mkdir(paths[i], 0755), 0);
    }
    s.of[0].path = paths[0];
    s.of[1].path = paths[1];
    proposal p = propose(&s);
    settings *c = read_back(&p, &s);
    assert_string_equal(c->data.directory, scratch);
    assert_string_equal(c->data.directories[0], odd[0]);
    assert_string_equal(c->data.directories[1], odd[1]);
    assert_int_equal(c->data.mixture.format.channels, 3);
    assert_int_equal(c->data.mixture.format.height, 32);
    settings_free(c);
    s.of[1].path = paths[2];
    p = propose(&s);
    c = read_back(&p, &s);
    assert_string_equal(c->data.directory, "/");
    assert_string_equal(c->data.directories[0], paths[0]);
    assert_string_equal(c->data.directories[1], paths[2]);
    settings_free(c);
}

static void the_config_says_what_was_chosen(void **state)
{
    (void)state;
    proposal p;
    surveys s = found(600, 400, true);
    struct proposal_device device = {.platform = "Some", .name = "0"};
    char first[600];
    s.subfolders = true;
    snprintf(first, sizeof first, "%s/photos", scratch);
    assert_int_equal(mkdir(first, 0755), 0);
    s.of[0].path = first;
    s.of[1].path = scratch;
    assert_int_equal(proposal_make(&p, &s, &device), 0);
    settings *c = read_back(&p, &s);
    assert_true(c->data.subfolders);
    assert_int_equal(c->data.fit, FIT_CROP);
    assert_int_equal(c->stages[0].filters[0], p.filters);
    assert_int_equal(c->train.batch, p.batch);
    assert_int_equal(c->train.steps_per_epoch, p.steps);
    assert_int_equal(c->train.validation_steps, p.validation_steps);
    assert_int_equal(c->train.objective, OBJECTIVE_SQUARED_ERROR);
    assert_string_equal(c->device.platform, "Some");
    assert_string_equal(c->device.device, "0");
    assert_string_equal(c->data.mixture.names[0], "photos");
    settings_free(c);
}

static surveys images(int width, int height, bool coloured)
{
    surveys s = found(width, height, coloured);
    s.of[0].is_idx = s.of[1].is_idx = true;
    return s;
}

static void idx_files_keep_their_size_and_colour(void **state)
{
    (void)state;
    surveys s = images(28, 28, false);
    s.of[1].largest.width = s.of[1].largest.height = 34;
    proposal p = propose(&s);
    assert_size(&p, FIT_RESIZE, 40, 40, 1);
    s = images(28, 28, false);
    s.of[1] = found(600, 400, true).of[1];
    p = propose(&s);
    assert_size(&p, FIT_RESIZE, 32, 32, 1);
    s = images(28, 28, false);
    s.of[1].coloured = 500;
    assert_int_equal(proposal_make(&p, &s, &no_device), -1);
    assert_error(STATUS_DATA, "/data/cats has gray pictures", "/data/dogs coloured ones");
    s = images(28, 27, false);
    assert_int_equal(proposal_make(&p, &s, &no_device), -1);
    assert_error(STATUS_DATA, "/data/cats: its pictures are 28 x 27", "even sides");
}

static void refuses_paths_that_no_config_can_hold(void **state)
{
    (void)state;
    static char path[1000];
    proposal p;
    surveys s = found(28, 28, false);
    memset(path, 'x', sizeof path - 1);
    path[0] = path[950] = '/';
    s.of[0].path = path;
    assert_int_equal(proposal_make(&p, &s, &no_device), -1);
    assert_error(STATUS_USAGE, "data.directory", "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_pictures_of_one_size_are_taken_whole),
        cmocka_unit_test(pictures_of_several_sizes_are_cropped_or_scaled),
        cmocka_unit_test(one_coloured_source_makes_all_coloured),
        cmocka_unit_test(a_large_device_gets_more),
        cmocka_unit_test(a_small_device_gets_less),
        cmocka_unit_test(an_epoch_is_of_moderate_length),
        cmocka_unit_test(pictures_that_no_cache_holds_are_reduced),
        cmocka_unit_test(names_are_those_of_the_folders),
        cmocka_unit_test(equal_names_are_numbered),
        cmocka_unit_test(one_folder_twice_is_trained_in_any_order),
        cmocka_unit_test(the_config_names_the_folders),
        cmocka_unit_test(the_config_says_what_was_chosen),
        cmocka_unit_test(idx_files_keep_their_size_and_colour),
        cmocka_unit_test(refuses_paths_that_no_config_can_hold),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
