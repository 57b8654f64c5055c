/* What `unblend new` finds in folders of pictures. */
#include "data/survey.h"

#include "data/idx.h"
#include "scratch.h"

/* A PGM or PPM of that size, of which only the header is there. */
static void put_picture(const char *name, int width, int height, bool coloured)
{
    char text[64];
    snprintf(text, sizeof text, "P%c %d %d 255\n", coloured ? '6' : '5', width, height);
    scratch_file(name, text, strlen(text));
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(scratch_path(name), 0755), 0);
}

static void fill(const char *folder, int count, int width, int height)
{
    char name[64];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%04d.pgm", folder, i);
        put_picture(name, width, height, false);
    }
}

static void look(surveys *s, const char *first, const char *second)
{
    char *folders[] = {(char *)scratch_path(first), (char *)scratch_path(second)};
    if (surveys_make(s, folders, 2))
        fail_msg("%s", error_message());
}

static void assert_refused(const char *folder, const char *part, const char *other)
{
    surveys s;
    char *folders[] = {(char *)scratch_path("plain"), (char *)scratch_path(folder)};
    assert_int_equal(surveys_make(&s, folders, 2), -1);
    assert_error(STATUS_DATA, part, other);
    assert_null(s.of[0].path);
}

static void assert_head(const struct image_head *h, int width, int height)
{
    assert_int_equal(h->width, width);
    assert_int_equal(h->height, height);
}

static void counts_and_measures_pictures(void **state)
{
    (void)state;
    surveys s;
    make_folder("plain");
    fill("plain", 40, 28, 20);
    make_folder("mixed");
    put_picture("mixed/a.pgm", 10, 90, false); /* few pixels, long sides */
    put_picture("mixed/b.ppm", 40, 50, true);
    put_picture("mixed/c.ppm", 70, 60, true);
    put_picture("mixed/d.ppm", 60, 71, true);
    put_picture("mixed/e.pgm", 200, 100, false);
    scratch_file("mixed/broken.png", "no", 2);
    scratch_file("mixed/f.pgm", "P5 0 9 255\n", 11);
    scratch_file("mixed/notes.txt", "x", 1);
    look(&s, "plain", "mixed");
    assert_int_equal(s.count, 2);
    assert_false(s.subfolders);
    assert_string_equal(strrchr(s.of[0].path, '/'), "/plain");
    assert_int_equal(survey_pictures(&s.of[0]), 40);
    assert_true(s.of[0].one_size);
    assert_int_equal(s.of[0].coloured, 0);
    assert_int_equal(s.of[0].usual_side, 20);
    assert_head(&s.of[0].largest, 28, 20);

    const survey *m = &s.of[1];
    assert_int_equal(survey_pictures(m), 7);
    assert_int_equal(m->others, 1);
    assert_int_equal(m->looked, 7);
    assert_int_equal(m->unreadable, 2);
    assert_int_equal(m->coloured, 3);
    assert_non_null(m->reasons[1]); /* which is first follows from their parts */
    int broken = strstr(m->reasons[0], "broken.png") ? 0 : 1;
    assert_non_null(strstr(m->reasons[broken], "broken.png: not a picture"));
    assert_non_null(strstr(m->reasons[1 - broken], "f.pgm: the picture is empty"));
    assert_null(m->reasons[2]);
    assert_false(m->one_size);
    assert_head(&m->smallest, 10, 90);
    assert_head(&m->median, 70, 60);
    assert_head(&m->largest, 200, 100);
    assert_int_equal(m->usual_side, 60);
    assert_true(m->mean_pixels == (900 + 2000 + 4200 + 4260 + 20000) / 5.0);
    surveys_release(&s);
}

static void of_many_pictures_some_are_looked_at_from_first_to_last(void **state)
{
    (void)state;
    surveys s;
    char name[64];
    make_folder("many");
    for (int i = 0; i < 3 * SURVEY_LOOKS; i++) {
        snprintf(name, sizeof name, "many/%05d.pgm", i);
        put_picture(name, i + 1, 100, false);
    }
    look(&s, "many", "plain");
    assert_int_equal(survey_pictures(&s.of[0]), 3 * SURVEY_LOOKS);
    assert_int_equal(s.of[0].looked, SURVEY_LOOKS);
    assert_in_range(s.of[0].smallest.width, 1, 60);
    assert_in_range(s.of[0].median.width, SURVEY_LOOKS * 3 / 2 - 60, SURVEY_LOOKS * 3 / 2 + 60);
    assert_in_range(s.of[0].largest.width, 3 * SURVEY_LOOKS - 60, 3 * SURVEY_LOOKS);
    surveys_release(&s);
}

/* One source that needs it makes sub-folders count for all. */
static void pictures_may_be_in_subfolders(void **state)
{
    (void)state;
    surveys s;
    make_folder("classes");
    make_folder("classes/cats");
    make_folder("classes/dogs");
    fill("classes/cats", 5, 30, 30);
    fill("classes/dogs", 6, 30, 30);
    make_folder("both");
    make_folder("both/more");
    fill("both", 3, 30, 30);
    fill("both/more", 4, 30, 30);
    look(&s, "classes", "both");
    assert_true(s.subfolders);
    assert_int_equal(survey_pictures(&s.of[0]), 11);
    assert_int_equal(survey_pictures(&s.of[1]), 7);
    surveys_release(&s);
    look(&s, "plain", "both");
    assert_false(s.subfolders);
    assert_int_equal(survey_pictures(&s.of[1]), 3);
    surveys_release(&s);
}

static void parts_may_be_in_subfolders(void **state)
{
    (void)state;
    surveys s;
    make_folder("parts");
    make_folder("parts/train");
    make_folder("parts/validation");
    make_folder("parts/test");
    fill("parts/train", 9, 30, 30);
    fill("parts/validation", 4, 30, 30);
    fill("parts/test", 2, 30, 30);
    look(&s, "parts", "plain");
    assert_false(s.subfolders);
    assert_int_equal(survey_part(&s, 0, PART_TRAIN), 9);
    assert_int_equal(survey_part(&s, 0, PART_VALIDATION), 4);
    assert_int_equal(survey_part(&s, 0, PART_TEST), 2);
    surveys_release(&s);
}

static void put_images(const char *name, size_t count, int height, int width, int channels)
{
    struct image_set set = {count, {height, width, channels}, NULL};
    set.pixels = calloc(count * (size_t)(height * width), (size_t)channels);
    assert_int_equal(idx_write_images(scratch_path(name), &set), 0);
    image_set_release(&set);
}

static void idx_files_are_found(void **state)
{
    (void)state;
    surveys s;
    make_folder("idx");
    put_images("idx/train-images-idx3-ubyte.gz", 30, 12, 10, 3);
    put_picture("idx/a.pgm", 9, 9, false); /* is passed over, as in training */
    look(&s, "idx", "plain");
    assert_true(s.of[0].is_idx);
    assert_false(s.of[1].is_idx);
    assert_int_equal(survey_part(&s, 0, PART_TRAIN), 24);
    assert_int_equal(survey_part(&s, 0, PART_VALIDATION), 6);
    assert_int_equal(survey_part(&s, 0, PART_TEST), 0);
    assert_int_equal(s.of[0].coloured, 30);
    assert_head(&s.of[0].median, 10, 12);
    surveys_release(&s);
    put_images("idx/t10k-images.idx3-ubyte", 7, 12, 10, 3);
    look(&s, "idx", "plain");
    assert_int_equal(survey_part(&s, 0, PART_TEST), 7);
    surveys_release(&s);
    scratch_file("idx/t10k-images.idx3-ubyte", "x", 1);
    assert_refused("idx", "t10k-images.idx3-ubyte", "truncated");
}

static void the_path_begins_at_the_root(void **state)
{
    (void)state;
    surveys s;
    char here[1024], *folders[] = {"plain/", "./plain/../link"};
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(symlink("plain", scratch_path("link")), 0);
    assert_int_equal(chdir(scratch), 0);
    int result = surveys_make(&s, folders, 2);
    assert_int_equal(chdir("plain"), 0);
    char *inside[] = {".", "../plain/."};
    surveys t;
    int other = surveys_make(&t, inside, 2);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(result, 0);
    assert_int_equal(other, 0);
    assert_int_equal(s.of[0].path[0], '/');
    assert_string_equal(strrchr(s.of[0].path, '/'), "/plain");
    assert_string_equal(strrchr(s.of[1].path, '/'), "/link"); /* its name, not its target's */
    assert_null(strstr(s.of[1].path, ".."));
    assert_string_equal(t.of[0].path, s.of[0].path);
    assert_string_equal(t.of[1].path, s.of[0].path);
    surveys_release(&s);
    surveys_release(&t);
}

static void refuses_what_cannot_be_trained_on(void **state)
{
    (void)state;
    assert_refused("missing", "missing", "there is no such folder");
    assert_refused("plain/0001.pgm", "0001.pgm", "not a directory");
    make_folder("empty");
    assert_refused("empty", "empty: holds no picture", "0 other files");
    make_folder("others");
    scratch_file("others/a.txt", "x", 1);
    assert_refused("others", "others: holds no picture", "1 other files");
    make_folder("one");
    put_picture("one/a.pgm", 30, 30, false);
    assert_refused("one", "one: holds only one picture;", "");
    scratch_file("one/b.png", "x", 1);
    assert_refused("one", "one: holds only one picture that can be read", "");
    make_folder("damaged");
    scratch_file("damaged/a.png", "x", 1);
    scratch_file("damaged/b.png", "x", 1);
    assert_refused("damaged", "none of the 2 pictures", ".png: not a picture");
    make_folder("tested");
    make_folder("tested/train");
    make_folder("tested/test");
    fill("tested/test", 3, 30, 30);
    assert_refused("tested", "none of its 3 pictures is left to train on", "train is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_measures_pictures),
        cmocka_unit_test(of_many_pictures_some_are_looked_at_from_first_to_last),
        cmocka_unit_test(pictures_may_be_in_subfolders),
        cmocka_unit_test(parts_may_be_in_subfolders),
        cmocka_unit_test(idx_files_are_found),
        cmocka_unit_test(the_path_begins_at_the_root),
        cmocka_unit_test(refuses_what_cannot_be_trained_on),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
