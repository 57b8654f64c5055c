/* Whole files: limits, gzip, and that a write leaves the old file or the new one. */
#define _DEFAULT_SOURCE /* syscall */
#include "base/files.h"
#include "scratch.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* ---- In front of the C library: which calls files.c makes, in order ---- */

static char calls[256];

static void note(const char *call)
{
    strncat(calls, call, sizeof calls - strlen(calls) - 1);
}

int fsync(int fd)
{
    struct stat info;
    note(!fstat(fd, &info) && S_ISDIR(info.st_mode) ? "sync directory, " : "sync file, ");
    return (int)syscall(SYS_fsync, fd);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    note("write, ");
    return (ssize_t)syscall(SYS_write, fd, bytes, length);
}

int rename(const char *from, const char *to)
{
    note("rename, ");
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* ---- Tests ---- */

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

/* After a power cut there is the old file or the new one, whole: what is renamed is on the disk, and so
 * is the rename when the call returns. */
static void nothing_is_left_to_a_power_cut(void **state)
{
    (void)state;
    const char *path = scratch_path("synced");
    *calls = '\0';
    assert_int_equal(file_write_atomic(path, "bytes", 5), 0);
    assert_string_equal(calls, "write, sync file, rename, sync directory, ");
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
    assert_true(directory_is_empty(deep));
    assert_false(directory_is_empty(scratch));
    assert_false(directory_is_empty(scratch_path("missing")));
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

static void sweeps_up_after_the_dead_only(void **state)
{
    (void)state;
    pid_t child = fork();
    if (!child)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child); /* its number is free again */
    char dead[64], alive[64];
    snprintf(dead, sizeof dead, "model.tmp-%ld", (long)child);
    snprintf(alive, sizeof alive, "model.tmp-%ld", (long)getpid());
    const char *kept[] = {alive, "model", "model.tmp-", "model.tmp-7x", "model.tmp--1"};
    scratch_file(dead, "x", 1);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        scratch_file(kept[i], "x", 1);
    directory_sweep(scratch);
    assert_false(file_exists(scratch_path(dead)));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_true(file_exists(scratch_path(kept[i])));
    directory_sweep("/nonexistent"); /* nothing to do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_within_the_limit),
        cmocka_unit_test(names_what_cannot_be_read),
        cmocka_unit_test(unpacks_gzip_and_passes_plain_files),
        cmocka_unit_test(refuses_damaged_gzip),
        cmocka_unit_test(replaces_a_file_whole),
        cmocka_unit_test(nothing_is_left_to_a_power_cut),
        cmocka_unit_test(keeps_the_old_file_when_the_disk_is_full),
        cmocka_unit_test(refuses_places_that_cannot_be_written),
        cmocka_unit_test(sweeps_up_after_the_dead_only),
        cmocka_unit_test(makes_directories),
        cmocka_unit_test(joins_paths),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
