/* Folders of pictures on the host: which files there are, which part each belongs to, how they are brought to
 * size, and what is kept of them between runs. */
#include "data/fit.h"
#include "data/picture_store.h"
#include "image/resize.h"
#include "picture_folders.h"
#include <fcntl.h>

enum { MANY = 400 };

static settings *some_settings(const char *more)
{
    char text[512];
    snprintf(text, sizeof text, "[data]\nsources = a, b\nsize = 8x8\n%s", more);
    return folder_settings(text);
}

/* ---- Files and parts ---- */

static enum picture_part part_of(const picture_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (!strcmp(files->files[i].name, name))
            return files->files[i].part;
    fail_msg("%s is not listed", name);
    return PARTS;
}

static void touch(const char *folder, const char *name)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fclose(out);
}

static void shares_follow_the_names(void **state)
{
    (void)state;
    settings *s = some_settings("validation = 0.2\ntest = 0.1\n");
    const char *folder = lasting_path("shares");
    picture_files before, after;
    char name[32];
    must(directory_make(folder));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%d.png", i);
        touch(folder, name);
    }
    must(picture_files_list(folder, &s->data, &before));
    assert_int_equal(before.count, MANY);
    assert_in_range(before.parts[PART_VALIDATION], MANY / 8, MANY * 3 / 10);
    assert_in_range(before.parts[PART_TEST], MANY / 20, MANY / 5);
    assert_int_equal(before.parts[PART_TRAIN],
                     MANY - before.parts[PART_VALIDATION] - before.parts[PART_TEST]);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "new%d.jpg", i);
        touch(folder, name);
    }
    must(picture_files_list(folder, &s->data, &after));
    for (size_t i = 0; i < before.count; i++)
        assert_int_equal(part_of(&after, before.files[i].name), before.files[i].part);
    for (size_t i = 1; i < after.count; i++)
        assert_true(after.files[i].part > after.files[i - 1].part ||
                    (after.files[i].part == after.files[i - 1].part &&
                     strcmp(after.files[i].name, after.files[i - 1].name) > 0));
    picture_files_release(&before);
    picture_files_release(&after);
    settings_free(s);
}

static void parts_may_be_folders(void **state)
{
    (void)state;
    settings *s = some_settings("validation = 0.5\ntest = 0.5\n");
    const char *folder = lasting_path("parts");
    picture_files files;
    for (int i = 0; i < 3; i++)
        must(directory_make(scratch_path(
            (const char *[]){"parts/train", "parts/validation", "parts/test/deep"}[i])));
    for (int i = 0; i < 9; i++) {
        char name[32];
        snprintf(name, sizeof name, "train/%d.png", i);
        touch(folder, name);
    }
    touch(folder, "validation/v.png");
    touch(folder, "test/t.png");
    touch(folder, "test/notes.txt");
    touch(folder, "test/.hidden.png");
    touch(folder, "test/deep/u.png");
    touch(folder, "beside.png");
    must(picture_files_list(folder, &s->data, &files));
    assert_int_equal(files.parts[PART_TRAIN], 9); /* no share of them is taken away */
    assert_int_equal(files.parts[PART_VALIDATION], 1);
    assert_int_equal(files.parts[PART_TEST], 1);
    assert_int_equal(files.others, 1);
    assert_int_equal(part_of(&files, "test/t.png"), PART_TEST);
    picture_files_release(&files);
    settings_free(s);

    s = some_settings("subfolders = true\nvalidation = 0.5\n");
    remove_tree(scratch_path("parts/validation"));
    must(picture_files_list(folder, &s->data, &files));
    assert_int_equal(files.parts[PART_TEST], 2);
    assert_int_equal(files.parts[PART_TRAIN] + files.parts[PART_VALIDATION], 9);
    assert_true(files.parts[PART_VALIDATION] > 0 && files.parts[PART_TRAIN] > 0);
    picture_files_release(&files);
    settings_free(s);
}

/* Whatever they are called, and nothing is taken out of them. */
static void part_folders_have_several_names(void **state)
{
    (void)state;
    settings *s = some_settings("validation = 0.6\ntest = 0.3\n");
    picture_files files;
    const char *folder = lasting_path("named");
    must(directory_make(scratch_path("named/Training")));
    must(directory_make(scratch_path("named/val")));
    must(directory_make(scratch_path("named/valid")));
    must(directory_make(scratch_path("named/TEST")));
    touch(folder, "Training/a.png");
    touch(folder, "val/b.png");
    touch(folder, "valid/c.png");
    touch(folder, "TEST/d.png");
    touch(folder, "e.png");
    touch(folder, "f.png");
    must(picture_files_list(folder, &s->data, &files));
    assert_int_equal(files.parts[PART_TRAIN], 1);
    assert_int_equal(files.parts[PART_VALIDATION], 2);
    assert_int_equal(files.parts[PART_TEST], 1);
    assert_int_equal(files.unused, 2);
    picture_files_release(&files);

    remove_tree(scratch_path("named/valid")); /* one to train on, which no share takes away */
    remove_tree(scratch_path("named/val"));
    must(picture_files_list(folder, &s->data, &files));
    assert_int_equal(part_of(&files, "Training/a.png"), PART_TRAIN);
    assert_int_equal(part_of(&files, "TEST/d.png"), PART_TEST);
    picture_files_release(&files);
    settings_free(s);
}

static void links_back_are_no_trap(void **state)
{
    (void)state;
    settings *s = some_settings("subfolders = true\nvalidation = 0\ntest = 0\n");
    const char *folder = lasting_path("loop");
    picture_files files;
    must(directory_make(scratch_path("loop/inner")));
    touch(folder, "inner/a.png");
    assert_int_equal(symlink("..", scratch_path("loop/inner/up")), 0);
    assert_int_equal(symlink("nowhere", scratch_path("loop/broken.png")), 0);
    must(picture_files_list(folder, &s->data, &files));
    assert_int_equal(files.count, 2);
    assert_string_equal(files.files[0].name, "broken.png");
    assert_string_equal(files.files[1].name, "inner/a.png");
    picture_files_release(&files);
    settings_free(s);
}

static void one_picture_is_trained_on(void **state)
{
    (void)state;
    settings *s = some_settings("validation = 0.9\ntest = 0\n");
    picture_files files;
    const char *folder = make_folder("single", 1, 8, 8, 0, 1);
    must(picture_files_list(folder, &s->data, &files));
    assert_int_equal(files.parts[PART_TRAIN], 1);
    picture_files_release(&files);
    assert_int_equal(picture_files_list(scratch_path("missing"), &s->data, &files), -1);
    assert_error(STATUS_DATA, "missing", "No such file");
    must(directory_make(scratch_path("empty")));
    assert_int_equal(picture_files_list(scratch_path("empty"), &s->data, &files), -1);
    assert_error(STATUS_DATA, "empty", "holds no picture");
    const char *file = scratch_file("a-file", "x", 1);
    assert_int_equal(picture_files_list(file, &s->data, &files), -1);
    assert_error(STATUS_DATA, "a-file", "Not a directory");
    settings_free(s);
}

/* ---- Size ---- */

static struct image numbered(int height, int width)
{
    struct image picture;
    must(image_new(&picture, width, height, 1));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            picture.pixels[y * width + x] = picture_value(1, y, x, 0);
    return picture;
}

static void fitted(const char *keys, int height, int width, int wanted_height, int wanted_width)
{
    settings *s = some_settings(keys);
    struct image picture = numbered(height, width);
    must(picture_fit(&picture, &s->data));
    if (picture.height != wanted_height || picture.width != wanted_width)
        fail_msg("%s: %d x %d becomes %d x %d rather than %d x %d", keys, height, width,
                 picture.height, picture.width, wanted_height, wanted_width);
    image_release(&picture);
    settings_free(s);
}

static void pictures_are_brought_to_size(void **state)
{
    (void)state;
    fitted("fit = crop\n", 20, 30, 20, 30);
    fitted("fit = crop\n", 8, 8, 8, 8);
    fitted("fit = crop\n", 4, 30, 8, 60);
    fitted("fit = crop\n", 30, 4, 60, 8);
    fitted("fit = crop\n", 1, 1, 8, 8);
    fitted("fit = crop\n", 3, 7, 8, 19);
    fitted("fit = crop\n", 1, 16384, 8, 16384); /* what an enlarged strip has beyond the limit */
    fitted("fit = crop\nlongest_side = 15\n", 20, 30, 10, 15);
    fitted("fit = crop\nlongest_side = 10\n", 20, 100, 8, 40); /* enlarged again */
    fitted("fit = crop\nlongest_side = 50\n", 20, 30, 20, 30);
    fitted("fit = resize\n", 20, 5, 8, 8);
    fitted("fit = resize\n", 1, 1, 8, 8);
    fitted("fit = pad\n", 20, 30, 5, 8);
    fitted("fit = pad\n", 1, 300, 1, 8);
    fitted("fit = pad\n", 300, 20, 8, 1);
    fitted("fit = pad\n", 5, 2, 5, 2);
}

/* Half the size is the mean of two by two pixels. */
static void reduction_averages(void **state)
{
    (void)state;
    settings *s = some_settings("fit = resize\n");
    struct image large = numbered(16, 16), small = numbered(16, 16);
    must(picture_fit(&small, &s->data));
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            const unsigned char *from = large.pixels + 2 * y * 16 + 2 * x;
            assert_int_equal(small.pixels[y * 8 + x],
                             (from[0] + from[1] + from[16] + from[17] + 2) / 4);
        }
    image_release(&large);
    image_release(&small);
    settings_free(s);
}

static void enlarging_is_bilinear(void **state)
{
    (void)state;
    const unsigned char from[] = {0, 100, 200, 40}; /* 2 x 2 */
    unsigned char to[4 * 4], wide[2 * 4];
    static const unsigned char row[] = {0, 25, 75, 100};
    static const int last[] = {200, 160, 80, 40};
    pixels_enlarge(from, (struct image_format){2, 2, 1}, to, 4, 4);
    for (int x = 0; x < 4; x++) {
        assert_int_equal(to[x], row[x]);
        assert_int_equal(to[12 + x], last[x]);
        int between = (3 * row[x] + last[x] + 2) / 4;
        assert_in_range(to[4 + x], between - 1, between + 1);
    }
    must(pixels_resize(from, (struct image_format){2, 2, 1}, wide, 2, 4));
    assert_memory_equal(wide, row, 4);
    must(pixels_resize(from, (struct image_format){2, 2, 1}, wide, 1, 4)); /* shorter and wider */
    assert_in_range(wide[0], 99, 101);
    assert_in_range(wide[3], 69, 71);
}

/* ---- What is kept ---- */

/* A store over the folder "kept", opened with these keys. */
typedef struct kept {
    settings *settings;
    picture_files files;
    picture_store *store;
} kept;

static kept open_store(const char *folder, const char *keys)
{
    kept k = {.settings = some_settings(keys)};
    must(picture_files_list(folder, &k.settings->data, &k.files));
    must(picture_store_open(&k.store, folder, &k.files, &k.settings->data));
    return k;
}

static void close_store(kept *k)
{
    picture_store_close(k->store);
    picture_files_release(&k->files);
    settings_free(k->settings);
}

static const stored_item *item_of(const kept *k, const char *name)
{
    for (size_t i = 0; i < k->files.count; i++)
        if (!strcmp(k->files.files[i].name, name))
            return &k->store->items[i];
    fail_msg("%s is not listed", name);
    return NULL;
}

static void is_picture(const kept *k, const char *name, int picture, int height, int width)
{
    const stored_item *item = item_of(k, name);
    assert_int_equal(item->state, STORED_YES);
    assert_int_equal(item->height, height);
    assert_int_equal(item->width, width);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            assert_int_equal(item->pixels[y * width + x], picture_value(picture, y, x, 0));
}

static ino_t cache_file(char *path, size_t size)
{
    struct stat info;
    DIR *directory = opendir(scratch_path("cache"));
    assert_non_null(directory);
    *path = '\0';
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            assert_int_equal(*path, 0); /* there is only one */
            snprintf(path, size, "%s/cache/%.60s", scratch, entry->d_name);
        }
    closedir(directory);
    assert_int_equal(stat(path, &info), 0);
    return info.st_ino;
}

static void pictures_are_decoded_once(void **state)
{
    (void)state;
    char path[1200];
    const char *folder = make_folder("kept", 6, 9, 8, 1, 1);
    remove_tree(scratch_path("cache"));
    scratch_file("kept/bad.png", "\x89PNG\r\n\x1a\nnothing", 15);
    scratch_file("kept/plain.pgm", "P2 1 1 255\n7\n", 13);
    kept k = open_store(folder, "");
    assert_int_equal(item_of(&k, "plain.pgm")->pixels[63], 7);
    for (int i = 0; i < 6; i++) {
        char name[16];
        snprintf(name, sizeof name, "%03d.png", i);
        is_picture(&k, name, i, 9 + i, 8 + i);
    }
    assert_int_equal(k.store->unreadable, 1);
    assert_int_equal(item_of(&k, "bad.png")->state, STORED_UNREADABLE);
    close_store(&k);
    ino_t first = cache_file(path, sizeof path);

    k = open_store(folder, ""); /* nothing is written again */
    is_picture(&k, "003.png", 3, 12, 11);
    assert_int_equal(k.store->unreadable, 1);
    close_store(&k);
    assert_int_equal(cache_file(path, sizeof path), first);

    write_numbered(folder, "003.png", 40, 20, 10, 1); /* changed, added and removed */
    write_numbered(folder, "new.png", 41, 8, 9, 1);
    assert_int_equal(unlink(scratch_path("kept/000.png")), 0);
    scratch_file("kept/plain.pgm", "P2 1 1 255\n9\n", 13); /* as long as before */
    k = open_store(folder, "");
    is_picture(&k, "003.png", 40, 20, 10);
    is_picture(&k, "new.png", 41, 8, 9);
    is_picture(&k, "005.png", 5, 14, 13);
    assert_int_equal(item_of(&k, "plain.pgm")->pixels[63], 9);
    assert_int_equal(k.store->count, 8);
    close_store(&k);
    assert_int_not_equal(cache_file(path, sizeof path), first);
}

/* What follows from other keys has a file of its own. */
static void another_size_is_another_file(void **state)
{
    (void)state;
    const char *folder = make_folder("sizes", 2, 9, 8, 1, 1);
    remove_tree(scratch_path("cache"));
    static const char *const keys[] = {"", "fit = pad\n", "fit = resize\n", "longest_side = 9\n",
                                       "channels = 3\n"};
    for (int i = 0; i < 5; i++) {
        kept k = open_store(folder, keys[i]);
        close_store(&k);
    }
    size_t count = 0;
    DIR *directory = opendir(scratch_path("cache"));
    while (readdir(directory))
        count++;
    closedir(directory);
    assert_int_equal(count - 2, 5);
}

/* Every byte of header and index, and every length. */
static void a_damaged_file_is_made_again(void **state)
{
    (void)state;
    char path[1200];
    const char *folder = make_folder("harmed", 3, 8, 8, 0, 1);
    remove_tree(scratch_path("cache"));
    kept k = open_store(folder, "");
    size_t length = k.store->mapped_bytes, pixels = 3 * 64, header = 64;
    close_store(&k);
    cache_file(path, sizeof path);
    for (size_t i = 0; i < length; i++) {
        if (i >= header && i < header + pixels)
            continue;
        int fd = open(path, O_RDWR);
        unsigned char byte;
        assert_int_equal(pread(fd, &byte, 1, (off_t)i), 1);
        byte ^= 0x55;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
        close(fd);
        k = open_store(folder, "");
        for (int n = 0; n < 3; n++) {
            char name[16];
            snprintf(name, sizeof name, "%03d.png", n);
            is_picture(&k, name, n, 8, 8);
        }
        close_store(&k);
    }
    for (size_t i = 0; i < length; i += 7) {
        assert_int_equal(truncate(path, (off_t)i), 0);
        k = open_store(folder, "");
        is_picture(&k, "002.png", 2, 8, 8);
        close_store(&k);
    }
}

/* Pixels are checked when they are first asked for. */
static void damaged_pixels_are_not_used(void **state)
{
    (void)state;
    char path[1200];
    unsigned char byte = 0;
    const char *folder = make_folder("scratched", 3, 8, 8, 0, 1);
    for (int cut = 0; cut < 2; cut++) {
        remove_tree(scratch_path("cache"));
        kept k = open_store(folder, "");
        close_store(&k);
        cache_file(path, sizeof path);
        k = open_store(folder, "");
        if (cut) {
            assert_int_equal(truncate(path, 100), 0);
        } else {
            int fd = open(path, O_RDWR);
            assert_int_equal(pread(fd, &byte, 1,
                                   k.store->items[1].pixels - (unsigned char *)k.store->mapped + 9),
                             1);
            byte ^= 1;
            assert_int_equal(
                pwrite(fd, &byte, 1,
                       k.store->items[1].pixels - (unsigned char *)k.store->mapped + 9),
                1);
            close(fd);
        }
        assert_int_equal(picture_store_pixels(k.store, 0) != NULL, !cut);
        assert_null(picture_store_pixels(k.store, 1));
        assert_null(picture_store_pixels(k.store, 1));
        assert_int_equal(access(path, F_OK), -1);
        close_store(&k);
        k = open_store(folder, "");
        is_picture(&k, "001.png", 1, 8, 8);
        assert_non_null(picture_store_pixels(k.store, 1));
        close_store(&k);
    }
}

static void without_a_file_they_are_in_memory(void **state)
{
    (void)state;
    const char *folder = make_folder("unkept", 3, 8, 8, 0, 1);
    remove_tree(scratch_path("cache"));
    kept k = open_store(folder, "cache = none\n");
    is_picture(&k, "001.png", 1, 8, 8);
    close_store(&k);
    scratch_file("cache", "no directory", 12);
    k = open_store(folder, "");
    is_picture(&k, "002.png", 2, 8, 8);
    close_store(&k);
    unlink(scratch_path("cache"));
}

static void the_limit_leaves_pictures_in_their_files(void **state)
{
    (void)state;
    const char *folder = make_folder("large", 3, 700, 1000, 0, 1);
    static const char *const keys[] = {"cache_limit = 2\n", "cache_limit = 2\ncache = none\n",
                                       "memory = 8\ncache = none\n", "cache_limit = 0\n"};
    for (int i = 0; i < 4; i++) {
        size_t stored = 0;
        remove_tree(scratch_path("cache"));
        kept k = open_store(folder, keys[i]);
        for (size_t n = 0; n < 3; n++)
            stored += k.store->items[n].state == STORED_YES;
        assert_int_equal(stored, i < 3 ? 2 : 0);
        close_store(&k);
    }
}

/* Neither what can be drawn nor its size follows from the room; and more room is made use of. */
static void the_limit_changes_nothing_else(void **state)
{
    (void)state;
    const char *folder = make_folder("bounded", 6, 100, 90, 1, 1);
    scratch_file("bounded/bad1.png", "no", 2);
    scratch_file("bounded/zbad.png", "no", 2);
    remove_tree(scratch_path("cache"));
    for (int round = 0; round < 3; round++) {
        kept k = open_store(folder, round < 2 ? "cache_limit = 0\n" : "");
        assert_int_equal(k.store->unreadable, 2);
        for (size_t i = 0; i < k.store->count; i++) {
            const stored_item *item = &k.store->items[i];
            if (item->state == STORED_UNREADABLE)
                continue;
            assert_int_equal(item->state, round < 2 ? STORED_NO : STORED_YES);
            assert_int_equal(item->height - item->width, 10);
        }
        close_store(&k);
    }
    kept k = open_store(folder, "cache_limit = 0\n"); /* what is there stays in use */
    is_picture(&k, "004.png", 4, 104, 94);
    close_store(&k);
}

static void what_becomes_readable_is_read(void **state)
{
    (void)state;
    const char *folder = make_folder("mended", 2, 8, 8, 0, 1);
    assert_int_equal(symlink("../elsewhere.png", scratch_path("mended/link.png")), 0);
    kept k = open_store(folder, "");
    assert_int_equal(item_of(&k, "link.png")->state, STORED_UNREADABLE);
    close_store(&k);
    write_numbered(scratch, "elsewhere.png", 5, 9, 9, 1);
    k = open_store(folder, "");
    is_picture(&k, "link.png", 5, 9, 9);
    close_store(&k);
}

static void slashes_at_the_end_do_not_count(void **state)
{
    (void)state;
    settings *s = some_settings("");
    picture_files files;
    char path[1200];
    snprintf(path, sizeof path, "%s//", make_folder("slashed", 2, 8, 8, 0, 1));
    must(picture_files_list(path, &s->data, &files));
    assert_int_equal(part_of(&files, "000.png") < PARTS && part_of(&files, "001.png") < PARTS, 1);
    picture_files_release(&files);
    settings_free(s);
    s = some_settings("validation = 0.5\ntest = 0.5\n");
    assert_int_equal(picture_files_list(path, &s->data, &files), -1);
    assert_error(STATUS_USAGE, "data.validation = 0.5 and data.test = 0.5", "leave no pictures");
    settings_free(s);
}

static void a_folder_without_a_sound_picture_is_refused(void **state)
{
    (void)state;
    settings *s = some_settings("");
    picture_files files;
    picture_store *store;
    const char *folder = lasting_path("unsound");
    must(directory_make(folder));
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "unsound/%d.jpg", i);
        scratch_file(name, "nothing", 7);
    }
    must(picture_files_list(folder, &s->data, &files));
    assert_int_equal(picture_store_open(&store, folder, &files, &s->data), -1);
    assert_error(STATUS_DATA, "unsound", "none of its 8 pictures can be read");
    picture_files_release(&files);
    settings_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_follow_the_names),
        cmocka_unit_test(parts_may_be_folders),
        cmocka_unit_test(part_folders_have_several_names),
        cmocka_unit_test(links_back_are_no_trap),
        cmocka_unit_test(one_picture_is_trained_on),
        cmocka_unit_test(pictures_are_brought_to_size),
        cmocka_unit_test(reduction_averages),
        cmocka_unit_test(enlarging_is_bilinear),
        cmocka_unit_test(pictures_are_decoded_once),
        cmocka_unit_test(another_size_is_another_file),
        cmocka_unit_test(a_damaged_file_is_made_again),
        cmocka_unit_test(damaged_pixels_are_not_used),
        cmocka_unit_test(without_a_file_they_are_in_memory),
        cmocka_unit_test(the_limit_leaves_pictures_in_their_files),
        cmocka_unit_test(the_limit_changes_nothing_else),
        cmocka_unit_test(what_becomes_readable_is_read),
        cmocka_unit_test(slashes_at_the_end_do_not_count),
        cmocka_unit_test(a_folder_without_a_sound_picture_is_refused),
    };
    return cmocka_run_group_tests(tests, quiet_scratch_make, scratch_remove);
}
