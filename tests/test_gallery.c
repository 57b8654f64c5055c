/*
 * The page of a gallery: whatever files are called, it holds the manifest and nothing of it becomes HTML.
 *
 *     test_gallery MANIFEST PAGE     writes the page of a manifest, for tests/test_gallery_page.sh
 */
#include "separate/gallery.h"

#include "base/files.h"
#include "base/json.h"
#include "scratch.h"

static char *read_page(const char *path)
{
    unsigned char *bytes;
    size_t length;
    assert_int_equal(file_read(path, 1 << 24, STATUS_DATA, &bytes, &length), 0);
    assert_int_equal(strlen((char *)bytes), length);
    return (char *)bytes;
}

/* What a browser takes for the manifest: it ends with the first "</script". */
static json_t *manifest_in(const char *page)
{
    const char start[] = "<script id=\"manifest\" type=\"application/json\">";
    const char *from = strstr(page, start);
    assert_non_null(from);
    from += strlen(start);
    const char *end = strstr(from, "</script");
    assert_non_null(end);
    json_error_t problem;
    json_t *manifest = json_loadb(from, (size_t)(end - from), 0, &problem);
    if (!manifest)
        fail_msg("%s", problem.text);
    return manifest;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

static json_t *manifest_of(const char *const names[], size_t count)
{
    json_t *files = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(files, json_pack("{s:o, s:s, s:{s:o}}", "input",
                                               text_as_json(names[i]), "status", "done", "outputs",
                                               "text", text_as_json(names[i])));
    json_t *manifest =
        json_pack("{s:s, s:[s], s:o}", "unblend", "0", "sources", "text", "files", files);
    assert_non_null(manifest);
    return manifest;
}

/* The manifest of the page that is written of a manifest, which it takes over. */
static void assert_comes_back(json_t *manifest)
{
    const char *path = scratch_path("index.html");
    assert_int_equal(gallery_write(path, manifest), 0);
    char *page = read_page(path);
    json_t *found = manifest_in(page);
    assert_true(json_equal(found, manifest));
    json_decref(found);
    json_decref(manifest);
    free(page);
}

static void names_come_back(void **state)
{
    (void)state;
    const char *const names[] = {
        "cat.png",
        "two  blanks.png",
        " ",
        "\"double\" and 'single' `back`.png",
        "a#b?c%20d%.png",
        "<b>bold</b> &amp; & &lt;.png",
        "new\nline\ttab\x01\x7f.png",
        "back\\slash \\u003c \\x41.png",
        "@MANIFEST@ @SCRIPT@ @STYLE@ %s %n $& ${1}",
        "\xe2\x80\xa8 and \xe2\x80\xa9.png",                                  /* U+2028, U+2029 */
        "\xf0\x9f\x90\xb1 \xe7\x8c\xab \xd7\x97\xd7\xaa\xd7\x95\xd7\x9c.png", /* emoji, Han, Hebrew */
        "not UTF-8: \xff\xc3.png",
    };
    assert_comes_back(manifest_of(names, sizeof names / sizeof *names));
}

static void no_name_ends_the_script(void **state)
{
    (void)state;
    const char *const harmless[] = {"cat.png"};
    const char *const names[] = {"</script><script>alert(1)</script>", "<!--<script>", "</SCRIPT >",
                                 "]]>", "-->"};
    const char *path = scratch_path("index.html");
    json_t *manifest = manifest_of(harmless, 1);
    assert_int_equal(gallery_write(path, manifest), 0);
    json_decref(manifest);
    char *before = read_page(path);
    manifest = manifest_of(names, sizeof names / sizeof *names);
    assert_int_equal(gallery_write(path, manifest), 0);
    char *page = read_page(path);
    const char *const tags[] = {"<", "<script", "</script", "<!--"};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        assert_true(count_of(before, tags[i]) > 0);
        assert_int_equal(count_of(page, tags[i]), count_of(before, tags[i]));
    }
    assert_null(strstr(page, "alert"
                             "(1)</"));
    free(page);
    free(before);
    assert_comes_back(manifest);
}

/* Lines and characters that a browser may read otherwise are not in the script as such. */
static void the_manifest_is_ascii(void **state)
{
    (void)state;
    const char *const plain[] = {"a"}, *const other[] = {"\xe2\x80\xa8\xf0\x9f\x90\xb1"};
    size_t beyond[2] = {0};
    for (int i = 0; i < 2; i++) {
        json_t *manifest = manifest_of(i ? other : plain, 1);
        assert_int_equal(gallery_write(scratch_path("index.html"), manifest), 0);
        json_decref(manifest);
        char *page = read_page(scratch_path("index.html"));
        for (const char *c = page; *c; c++)
            beyond[i] += (unsigned char)*c >= 0x80;
        free(page);
    }
    assert_int_equal(beyond[0], beyond[1]);
}

static void is_one_whole_page(void **state)
{
    (void)state;
    const char *const names[] = {"cat.png"};
    json_t *manifest = manifest_of(names, 1);
    assert_int_equal(gallery_write(scratch_path("index.html"), manifest), 0);
    json_decref(manifest);
    char *page = read_page(scratch_path("index.html"));
    assert_int_equal(strncmp(page, "<!DOCTYPE html>\n", 16), 0);
    assert_string_equal(page + strlen(page) - strlen("</html>\n"), "</html>\n");
    assert_int_equal(count_of(page, "<script"), 2);
    assert_int_equal(count_of(page, "<style"), 1);
    assert_int_equal(count_of(page, "@"),
                     count_of(page, "@media")); /* nothing is left to fill in */
    /* nothing is loaded but what lies beside it */
    assert_null(strstr(page, "http:"));
    assert_null(strstr(page, "https:"));
    assert_null(strstr(page, "innerHTML"));
    assert_non_null(strstr(page, "default-src 'none'"));
    free(page);
}

static void the_same_manifest_gives_the_same_bytes(void **state)
{
    (void)state;
    const char *const names[] = {"z.png", "a.png", "<.png", "m.png"};
    char *pages[2];
    for (int i = 0; i < 2; i++) {
        json_t *manifest = manifest_of(names, sizeof names / sizeof *names);
        assert_int_equal(gallery_write(scratch_path("index.html"), manifest), 0);
        json_decref(manifest);
        pages[i] = read_page(scratch_path("index.html"));
    }
    assert_string_equal(pages[0], pages[1]);
    free(pages[0]);
    free(pages[1]);
}

static void a_path_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    const char *const names[] = {"cat.png"};
    json_t *manifest = manifest_of(names, 1);
    assert_int_equal(gallery_write(scratch_path("missing/index.html"), manifest), -1);
    assert_error(STATUS_RUNTIME, "missing/index.html: cannot be written: ", "No such file");
    assert_int_equal(mkdir(scratch_path("taken"), 0777), 0);
    size_t before = scratch_count();
    assert_int_equal(gallery_write(scratch_path("taken"), manifest), -1);
    assert_error(STATUS_RUNTIME, "taken: cannot be written: ", "not a regular file");
    assert_int_equal(scratch_count(), before);
    json_decref(manifest);
}

static void without_a_manifest_memory_ran_out(void **state)
{
    (void)state;
    assert_int_equal(gallery_write(scratch_path("none.html"), NULL), -1);
    assert_error(STATUS_MEMORY, "out of memory", "gallery");
    assert_false(file_exists(scratch_path("none.html")));
}

static int write_page(const char *manifest_path, const char *path)
{
    json_error_t problem;
    json_t *manifest = json_load_file(manifest_path, 0, &problem);
    int result = manifest ? gallery_write(path, manifest) : -1;
    if (result)
        fprintf(stderr, "%s\n", manifest ? error_message() : problem.text);
    json_decref(manifest);
    return result ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return write_page(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_back),
        cmocka_unit_test(no_name_ends_the_script),
        cmocka_unit_test(the_manifest_is_ascii),
        cmocka_unit_test(is_one_whole_page),
        cmocka_unit_test(the_same_manifest_gives_the_same_bytes),
        cmocka_unit_test(a_path_that_cannot_be_written_is_named),
        cmocka_unit_test(without_a_manifest_memory_ran_out),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
