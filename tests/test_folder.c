/* The pictures of a folder: by name and by content, and what is in the way of reading it. */
#include "data/folder.h"

#include "base/files.h"
#include "scratch.h"

static const char *text_file(const char *name, const char *text)
{
    return scratch_file(name, text, strlen(text));
}

static void lists_a_folder(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "B.PGM", "a.png", "b.jpeg",   "broken.png", "c.Jpg",    "d.jfif",      "e.JPE",
        "f.pnm", "g.ppm", "loop.jpg", "picture",    "scan.dat", "\xc3\xa4.png"};
    static const char *const others[] = {"broken", "d.txt", "e.png.gz", "inner.png", "png"};
    static const char *const hidden[] = {".png", ".hidden.png", ".unblend-tmp-1-0@x"};
    enum { WANTED = sizeof wanted / sizeof *wanted, OTHERS = sizeof others / sizeof *others };
    char name[100];
    folder found;
    assert_int_equal(directory_make(scratch_path("folder/inner.png")), 0);
    assert_int_equal(directory_make(scratch_path("folder/truth")), 0);
    for (int i = 0; i < WANTED + OTHERS + 3; i++) {
        const char *one = i < WANTED            ? wanted[WANTED - 1 - i]
                          : i < WANTED + OTHERS ? others[i - WANTED]
                                                : hidden[i - WANTED - OTHERS];
        snprintf(name, sizeof name, "folder/%s", one);
        if (!strncmp(one, "broken", 6))
            assert_int_equal(symlink("nothing", scratch_path(name)), 0);
        else if (!strncmp(one, "loop", 4))
            assert_int_equal(symlink(one, scratch_path(name)), 0);
        else if (strcmp(one, "inner.png") != 0)
            text_file(name, !strcmp(one, "picture") ? "P2 1 1 1 1" : "");
    }
    scratch_file("folder/scan.dat", "\xff\xd8\xff\xe0", 4);
    assert_int_equal(folder_list(scratch_path("folder"), &found), 0);
    assert_int_equal(found.pictures.count, WANTED);
    for (size_t i = 0; i < WANTED; i++)
        assert_string_equal(found.pictures.names[i], wanted[i]);
    assert_int_equal(found.others.count, OTHERS);
    for (size_t i = 0; i < OTHERS; i++)
        assert_string_equal(found.others.names[i], others[i]);
    folder_release(&found);
    folder_release(&found); /* empty by now */
}

static void refuses_folders_without_pictures(void **state)
{
    (void)state;
    folder found;
    const char *bare = scratch_path("bare"), *missing = scratch_path("no-folder");
    assert_int_equal(directory_make(bare), 0);
    assert_int_equal(folder_list(bare, &found), -1);
    assert_error(STATUS_DATA, bare, "holds no picture");
    assert_int_equal(folder_list(missing, &found), -1);
    assert_error(STATUS_DATA, missing, "No such file");
    const char *file = text_file("file", "");
    assert_int_equal(folder_list(file, &found), -1);
    assert_error(STATUS_DATA, file, "Not a directory");
    text_file("bare/notes.txt", "hello");
    assert_int_equal(folder_list(bare, &found), -1);
    assert_error(STATUS_DATA, bare, "1 other file");
}

/* Its names can be read, but nothing in it reached. Root may go anywhere, so it becomes somebody else
 * for this, with a relative path, as the folders above may be closed to others. */
static void names_the_cause_for_a_closed_folder(void **state)
{
    (void)state;
    folder found;
    bool root = geteuid() == 0;
    char here[1024];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(directory_make(scratch_path("closed")), 0);
    text_file("closed/a.png", "");
    assert_int_equal(chdir(scratch), 0);
    assert_int_equal(chmod("closed", 0444), 0);
    if (root && (chmod(".", 0755) || seteuid(65534))) {
        assert_int_equal(chdir(here), 0);
        skip(); /* a container without other users */
    }
    int result = folder_list("closed", &found);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod("closed", 0755), 0);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(result, -1);
    assert_error(STATUS_DATA, "closed: this folder cannot be searched", "Permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_a_folder),
        cmocka_unit_test(refuses_folders_without_pictures),
        cmocka_unit_test(names_the_cause_for_a_closed_folder),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
