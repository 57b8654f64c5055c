/* Whole files: limits, gzip, and that a write leaves the old file or the new one. */
#include "base/files.h"
#include "leftover.h"
#include "scratch.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static const char *gzip_file(const char *name, const void *bytes, size_t length)
{
    const char *path = scratch_path(name);
    gzFile out = gzopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(gzwrite(out, bytes, (unsigned)length), (int)length);
    assert_int_equal(gzclose(out), Z_OK);
    return path;
}

static void assert_holds(const char *path, const char *text)
{
    unsigned char *bytes;
    size_t length;
    assert_int_equal(file_read(path, 1000, STATUS_DATA, &bytes, &length), 0);
    assert_int_equal(length, strlen(text));
    assert_string_equal(bytes, text); /* also: a zero byte follows */
    free(bytes);
}

static void reads_within_the_limit(void **state)
{
    (void)state;
    unsigned char *bytes = NULL;
    size_t length;
    const char *path = scratch_file("five", "12345", 5);
    assert_holds(path, "12345");
    assert_int_equal(file_read(path, 5, STATUS_DATA, &bytes, &length), 0);
    free(bytes);
    bytes = NULL;
    assert_int_equal(file_read(path, 4, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, path, "larger than the 4 bytes");
    assert_int_equal(file_read_gzip(path, 4, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, path, "larger than the 4 bytes");
    assert_null(bytes);
    assert_holds(scratch_file("empty", "", 0), "");
}

static void names_what_cannot_be_read(void **state)
{
    (void)state;
    unsigned char *bytes = NULL;
    size_t length;
    const char *path = scratch_path("missing");
    assert_int_equal(file_read(path, 9, STATUS_USAGE, &bytes, &length), -1);
    assert_error(STATUS_USAGE, path, "No such file");
    assert_int_equal(file_read_gzip(path, 9, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, path, "No such file");
    assert_int_equal(file_read(scratch, 9, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, scratch, "not a regular file");
    const char *pipe_path = scratch_path("pipe"); /* opening it would block for ever */
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(file_read_gzip(pipe_path, 9, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, pipe_path, "not a regular file");
    assert_null(bytes);
}

static void unpacks_gzip_and_passes_plain_files(void **state)
{
    (void)state;
    static unsigned char large[200000];
    unsigned char *bytes;
    size_t length;
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (unsigned char)(i * i >> 7);
    const char *paths[] = {gzip_file("large.gz", large, sizeof large),
                           scratch_file("large", large, sizeof large)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_read_gzip(paths[i], sizeof large, STATUS_DATA, &bytes, &length), 0);
        assert_int_equal(length, sizeof large);
        assert_memory_equal(bytes, large, sizeof large);
        assert_int_equal(bytes[length], 0);
        free(bytes);
    }
    const char *part = gzip_file("part.gz", large, 131072); /* ends on a whole read */
    assert_int_equal(file_read_gzip(part, sizeof large, STATUS_DATA, &bytes, &length), 0);
    assert_int_equal(length, 131072);
    free(bytes);
}

static void refuses_damaged_gzip(void **state)
{
    (void)state;
    static const unsigned char zeros[100000];
    unsigned char *packed, *bytes = NULL;
    size_t packed_length, length;
    const char *whole = gzip_file("zeros.gz", zeros, sizeof zeros);
    assert_int_equal(file_read_gzip(whole, 99999, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, whole, "larger than the 99999 bytes"); /* unpacked bytes count */
    assert_int_equal(file_read(whole, 1000, STATUS_DATA, &packed, &packed_length), 0);
    const char *cut = scratch_file("cut.gz", packed, packed_length - 9);
    assert_int_equal(file_read_gzip(cut, 1 << 20, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, cut, "ends early");
    packed[packed_length - 6] ^= 1; /* the checksum */
    const char *wrong = scratch_file("wrong.gz", packed, packed_length);
    assert_int_equal(file_read_gzip(wrong, 1 << 20, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, wrong,
                 "bytes: incorrect data check"); /* the path is not said twice */
    assert_null(bytes);
    free(packed);
}

static void replaces_a_file_whole(void **state)
{
    (void)state;
    const char *path = scratch_path("written");
    size_t before = scratch_count();
    assert_int_equal(file_write_atomic(path, "first", 5), 0);
    assert_holds(path, "first");
    assert_int_equal(file_write_atomic(path, "second one", 10), 0);
    assert_holds(path, "second one");
    assert_int_equal(file_write_atomic(path, "", 0), 0);
    assert_holds(path, "");
    assert_int_equal(scratch_count(), before + 1);
}

/* A limit on file sizes stands for the full disk. */
static void keeps_the_old_file_when_the_disk_is_full(void **state)
{
    (void)state;
    static const char large[100000];
    struct rlimit old, small;
    const char *path = scratch_file("kept", "old", 3);
    size_t before = scratch_count();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 50000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = file_write_atomic(path, large, sizeof large);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(result, -1);
    assert_error(STATUS_RUNTIME, path, "cannot be written: File too large");
    assert_holds(path, "old");
    assert_int_equal(scratch_count(), before);
}

static void refuses_places_that_cannot_be_written(void **state)
{
    (void)state;
    const char *lost = scratch_path("nowhere/file");
    assert_int_equal(file_write_atomic(lost, "x", 1), -1);
    assert_error(STATUS_RUNTIME, lost, "No such file");
    assert_int_equal(file_write_atomic(scratch, "x", 1), -1);
    assert_error(STATUS_RUNTIME, scratch, "not a regular file");
    const char *pipe_path = scratch_path("device"); /* as /dev/null, and safe to lose */
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(file_write_atomic(pipe_path, "x", 1), -1);
    assert_error(STATUS_RUNTIME, pipe_path, "not a regular file");
}

static void makes_directories(void **state)
{
    (void)state;
    const char *deep = scratch_path("a/b//c/"), *file = scratch_file("blocking", "", 0);
    assert_int_equal(directory_make(deep), 0);
    assert_int_equal(directory_make(deep), 0);
    assert_true(directory_exists(deep));
    assert_false(file_exists(deep));
    assert_true(file_exists(file));
    assert_int_equal(directory_make(file), -1);
    assert_error(STATUS_RUNTIME, file, "cannot make this directory");
    assert_int_equal(directory_make(scratch_path("blocking/inner")), -1);
    assert_error(STATUS_RUNTIME, "blocking/inner", "cannot make this directory");
}

static void joins_paths(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *joined = path_join(cases[i][0], cases[i][1]);
        assert_string_equal(joined, cases[i][2]);
        free(joined);
    }
}

static void sweeps_up_after_the_dead(void **state)
{
    (void)state;
    bool filled;
    const char *place = scratch_path("swept");
    assert_int_equal(directory_make(place), 0);
    for (int way = 0; way < 2; way++) {
        leave_temporary_file(place);
        assert_memory_equal(only_entry(place), ".unblend-tmp-", 13);
        assert_int_equal(directory_look_inside(place, STATUS_USAGE, &filled), 0);
        assert_false(filled); /* it does not count */
        if (way)
            directory_sweep(place);
        else
            assert_int_equal(directory_make(place), 0);
        assert_string_equal(only_entry(place), "");
    }
    directory_sweep("/nonexistent"); /* nothing to do */
}

/* Not swept: what living processes and those of other hosts write, and what is called otherwise. */
static void sweeps_nothing_else(void **state)
{
    (void)state;
    bool filled;
    char dead[300], name[400], paths[12][1024];
    const char *place = scratch_path("unswept");
    assert_int_equal(directory_make(place), 0);
    leave_temporary_file(place);
    snprintf(dead, sizeof dead, "%s", only_entry(place));
    const char *number = dead + strlen(".unblend-tmp-"), *host = strchr(dead, '@');
    assert_non_null(host);
    directory_sweep(place);
    int count = 0;
#define KEPT(...)                                                                                  \
    (snprintf(name, sizeof name, "unswept/" __VA_ARGS__),                                          \
     snprintf(paths[count++], sizeof paths[0], "%s", scratch_file(name, "x", 1)))
    KEPT(".unblend-tmp-%ld-0%s", (long)getppid(), host);
    KEPT("%s2", dead); /* another host, whose name starts alike */
    KEPT("x%s", dead);
    KEPT("%s", number);
    KEPT(".unblend-tmp--%s", number);
    KEPT(".unblend-tmp-%ld%s", strtol(number, NULL, 10), host);
    KEPT(".unblend-tmp-1x-0%s", host);
    KEPT("model.tmp-%ld", strtol(number, NULL, 10));
    directory_sweep(place);
    for (int i = 0; i < count; i++) {
        assert_true(file_exists(paths[i]));
        assert_int_equal(unlink(paths[i]), 0);
    }
    assert_int_equal(directory_look_inside(place, STATUS_USAGE, &filled), 0);
    assert_false(filled); /* nothing else was made */
}

/* In a container every run may have the same number: what this one has not written yet is old. */
static void sweeps_up_after_its_own_number(void **state)
{
    (void)state;
    char name[400];
    const char *place = scratch_path("own");
    assert_int_equal(directory_make(place), 0);
    leave_temporary_file(place);
    const char *host = strchr(only_entry(place), '@');
    snprintf(name, sizeof name, "own/.unblend-tmp-%ld-1000000%s", (long)getpid(), host);
    scratch_file(name, "x", 1);
    snprintf(name, sizeof name, "own/.unblend-tmp-%ld-0%s", (long)getpid(), host);
    const char *mine = scratch_file(name, "x", 1); /* another thread may be writing it */
    directory_sweep(place);
    assert_string_equal(only_entry(place), strrchr(mine, '/') + 1);
}

/* The longest name that a file system takes can be written, and is refused alone if it is longer. */
static void writes_long_names(void **state)
{
    (void)state;
    char name[302] = "";
    long longest = pathconf(scratch, _PC_NAME_MAX);
    if (longest < 1 || longest > 300)
        skip();
    memset(name, 'x', (size_t)longest);
    size_t before = scratch_count();
    assert_int_equal(file_write_atomic(scratch_path(name), "long", 4), 0);
    assert_holds(scratch_path(name), "long");
    name[longest] = 'x';
    assert_int_equal(file_write_named(scratch_path(name), "long", 4, STATUS_DATA), -1);
    assert_error(STATUS_DATA, name, "File name too long");
    assert_int_equal(file_write_atomic(scratch_path(name), "long", 4), -1);
    assert_error(STATUS_RUNTIME, name, "File name too long");
    assert_int_equal(scratch_count(), before + 1);
}

static void tells_names_from_places(void **state)
{
    (void)state;
    assert_int_equal(directory_make(scratch_path("in-the-way")), 0);
    assert_int_equal(file_write_named(scratch_path("in-the-way"), "x", 1, STATUS_DATA), -1);
    assert_error(STATUS_DATA, "in-the-way", "not a regular file");
    assert_int_equal(file_write_named(scratch_path("nowhere/file"), "x", 1, STATUS_DATA), -1);
    assert_error(STATUS_RUNTIME, "nowhere/file", "No such file");
}

static void tells_missing_from_unreachable(void **state)
{
    (void)state;
    bool there = true, filled = true;
    unsigned char *bytes;
    size_t length;
    const char *file = scratch_file("plain", "x", 1), *missing = scratch_path("missing");
    const char *broken = scratch_path("broken"), *loop = scratch_path("loop");
    assert_int_equal(symlink("nothing", broken) || symlink("loop", loop), 0);
    assert_int_equal(file_look(file, STATUS_USAGE, &there), 0);
    assert_true(there);
    assert_int_equal(directory_look(scratch, STATUS_USAGE, &there), 0);
    assert_true(there);
    assert_int_equal(directory_look_inside(scratch, STATUS_USAGE, &filled), 0);
    assert_true(filled);
    const char *absent[] = {missing, scratch_path("plain/below")};
    for (int i = 0; i < 2; i++) {
        there = filled = true;
        assert_int_equal(file_look(absent[i], STATUS_USAGE, &there), 0);
        assert_false(there);
        assert_int_equal(directory_look(absent[i], STATUS_USAGE, &there), 0);
        assert_false(there);
        assert_int_equal(directory_look_inside(absent[i], STATUS_USAGE, &filled), 0);
        assert_false(filled);
    }
    int (*const looks[])(const char *, enum status, bool *) = {file_look, directory_look,
                                                               directory_look_inside};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(looks[i](broken, STATUS_DATA, &there), -1);
        assert_error(STATUS_DATA, broken, "a link that leads nowhere");
        assert_int_equal(looks[i](loop, STATUS_DATA, &there), -1);
        assert_error(STATUS_DATA, loop, "symbolic links");
        const char *other = i ? file : scratch;
        assert_int_equal(looks[i](other, STATUS_DATA, &there), -1);
        assert_error(STATUS_DATA, other, i ? "not a directory" : "not a regular file");
    }
    assert_int_equal(file_read(broken, 9, STATUS_DATA, &bytes, &length), -1);
    assert_error(STATUS_DATA, broken, "a link that leads nowhere: No such file");
    assert_int_equal(directory_make(loop), -1);
    assert_error(STATUS_RUNTIME, loop, "symbolic links");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_within_the_limit),
        cmocka_unit_test(names_what_cannot_be_read),
        cmocka_unit_test(unpacks_gzip_and_passes_plain_files),
        cmocka_unit_test(refuses_damaged_gzip),
        cmocka_unit_test(replaces_a_file_whole),
        cmocka_unit_test(keeps_the_old_file_when_the_disk_is_full),
        cmocka_unit_test(refuses_places_that_cannot_be_written),
        cmocka_unit_test(writes_long_names),
        cmocka_unit_test(tells_names_from_places),
        cmocka_unit_test(tells_missing_from_unreachable),
        cmocka_unit_test(sweeps_up_after_the_dead),
        cmocka_unit_test(sweeps_nothing_else),
        cmocka_unit_test(sweeps_up_after_its_own_number),
        cmocka_unit_test(makes_directories),
        cmocka_unit_test(joins_paths),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
