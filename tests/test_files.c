/* Whole files: limits, gzip, and that a write leaves the old file or the new one. */
#define _DEFAULT_SOURCE /* syscall */
#include "base/files.h"
#include "scratch.h"
#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* ---- What is called ---- */

/* In libc's place: notes the calls that count for files to outlive a power cut, a letter each. */
static char calls[16];

static void note(char call)
{
    size_t length = strlen(calls);
    if (length + 1 < sizeof calls)
        calls[length] = call;
}

int fsync(int fd)
{
    struct stat info;
    note(!fstat(fd, &info) && S_ISDIR(info.st_mode) ? 'd' : 'f');
    return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
    note('r');
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* The bytes reach the disk before the name does, and the name before anything relies on it. */
static void a_power_cut_finds_the_old_file_or_the_new_one(void **state)
{
    (void)state;
    const char *path = scratch_path("through");
    for (int i = 0; i < 2; i++) {
        memset(calls, 0, sizeof calls);
        assert_int_equal(file_write_atomic(path, "12345", 5), 0);
        assert_string_equal(calls, "frd");
    }
    assert_int_equal(unlink(path), 0);
}

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
    bool filled;
    assert_int_equal(directory_look_inside(deep, STATUS_USAGE, &filled), 0);
    assert_false(filled);
    assert_int_equal(directory_look_inside(scratch, STATUS_USAGE, &filled), 0);
    assert_true(filled);
    assert_int_equal(directory_look_inside(scratch_path("missing"), STATUS_USAGE, &filled), 0);
    assert_false(filled);
    assert_false(file_exists(deep));
    assert_true(file_exists(file));
    assert_int_equal(directory_make(file), -1);
    assert_error(STATUS_RUNTIME, file, "cannot make this directory");
    assert_int_equal(directory_make(scratch_path("blocking/inner")), -1);
    assert_error(STATUS_RUNTIME, "blocking/inner", "cannot make this directory");
}

static void the_last_part_of_a_path(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a/b", "b"}, {"a/b//", "b"}, {"b", "b"},
                                           {"b/", "b"},  {"/", ""},      {"", ""},
                                           {"//", ""},   {"/b", "b"},    {"../a b", "a b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length;
        const char *part = path_last_part(cases[i][0], &length);
        assert_int_equal(length, strlen(cases[i][1]));
        assert_memory_equal(part, cases[i][1], length);
    }
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

/* As file_write_atomic() names its temporary files. */
static const char *temporary_name(long owner, const char *rest)
{
    static char names[8][160];
    static unsigned next;
    char host[65] = "", *name = names[next++ % 8];
    gethostname(host, sizeof host - 1);
    for (char *c = host; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '.')
            *c = '_';
    snprintf(name, sizeof names[0], ".unblend-tmp-%ld-0@%s%s", owner, host, rest);
    return name;
}

static void sweeps_up_after_the_dead_only(void **state)
{
    (void)state;
    pid_t child = fork();
    if (!child)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child); /* its number is free again */
    const char *dead = temporary_name((long)child, "");
    const char *kept[] = {temporary_name((long)getppid(), ""),
                          temporary_name((long)child, ".other"),
                          temporary_name(-1, ""),
                          ".unblend-tmp-",
                          ".unblend-tmp-7x",
                          "model",
                          "model.tmp-7"};
    scratch_file(dead, "x", 1);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        scratch_file(kept[i], "x", 1);
    directory_sweep(scratch);
    assert_false(file_exists(scratch_path(dead)));
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        assert_true(file_exists(scratch_path(kept[i])));
    directory_sweep("/nonexistent"); /* nothing to do */
    scratch_file(dead, "x", 1);
    assert_int_equal(directory_make(scratch), 0); /* sweeps as well */
    assert_false(file_exists(scratch_path(dead)));
}

/* Files that will be swept do not make a directory one that is in use. */
static void leftovers_fill_no_directory(void **state)
{
    (void)state;
    bool filled = true;
    char name[200];
    const char *place = scratch_path("used");
    pid_t child = fork();
    if (!child)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(directory_look_inside(place, STATUS_USAGE, &filled), 0);
    assert_false(filled); /* nor does its absence */
    assert_int_equal(directory_make(place), 0);
    snprintf(name, sizeof name, "used/%s", temporary_name((long)child, ""));
    scratch_file(name, "x", 1);
    if (directory_look_inside(place, STATUS_USAGE, &filled))
        fail_msg("%s", error_message());
    assert_false(filled);
    scratch_file("used/model", "x", 1);
    assert_int_equal(directory_look_inside(place, STATUS_USAGE, &filled), 0);
    assert_true(filled);
    assert_int_equal(directory_look_inside(scratch_path("used/model"), STATUS_USAGE, &filled), -1);
    assert_error(STATUS_USAGE, "used/model", "not a directory");
}

/* In a container every run may have the same number: what this one has not written yet is old. */
static void sweeps_up_after_its_own_number(void **state)
{
    (void)state;
    char mine[200], old[200], *number;
    assert_int_equal(directory_make(scratch_path("own")), 0);
    snprintf(mine, sizeof mine, "own/%s", temporary_name((long)getpid(), ""));
    snprintf(old, sizeof old, "%s", mine);
    number = strstr(old, "-0@");
    assert_non_null(number);
    memmove(number + 6, number + 2, strlen(number + 2) + 1);
    memcpy(number + 1, "99999", 5);
    assert_int_equal(file_write_atomic(scratch_path("own/file"), "x", 1),
                     0);        /* number 0 at least */
    scratch_file(mine, "x", 1); /* another thread may be writing it */
    scratch_file(old, "x", 1);
    directory_sweep(scratch_path("own"));
    assert_true(file_exists(scratch_path(mine)));
    assert_false(file_exists(scratch_path(old)));
}

static void writes_names_of_any_legal_length(void **state)
{
    (void)state;
    char name[NAME_MAX + 2];
    long longest =
        pathconf(scratch, _PC_NAME_MAX); /* less than NAME_MAX where names are encrypted */
    assert_in_range(longest, 100, NAME_MAX);
    memset(name, 'n', sizeof name);
    name[longest] = '\0';
    assert_int_equal(file_write_atomic(scratch_path(name), "x", 1), 0);
    assert_int_equal(file_write_atomic(scratch_path(name), "xy", 2), 0);
    unlink(scratch_path(name));
    name[longest] = 'n';
    name[longest + 1] = '\0';
    size_t count = scratch_count();
    assert_int_equal(file_write_named(scratch_path(name), "x", 1, STATUS_DATA), -1);
    assert_error(STATUS_DATA, "cannot be written", "name too long");
    assert_int_equal(file_write_atomic(scratch_path(name), "x", 1), -1);
    assert_error(STATUS_RUNTIME, "cannot be written", "name too long");
    assert_int_equal(scratch_count(), count); /* nothing half done */
}

/* One name that is taken by a directory is that file's matter; a directory that takes none is not. */
static void tells_a_bad_name_from_a_bad_directory(void **state)
{
    (void)state;
    const char *taken = scratch_path("taken"), *file = scratch_file("plain", "x", 1);
    assert_int_equal(directory_make(taken), 0);
    assert_int_equal(file_write_named(taken, "x", 1, STATUS_DATA), -1);
    assert_error(STATUS_DATA, taken, "not a regular file");
    assert_int_equal(file_write_named(scratch_path("plain/inner"), "x", 1, STATUS_DATA), -1);
    assert_error(STATUS_RUNTIME, "plain/inner", "Not a directory");
    assert_int_equal(file_write_named(scratch_path("none/inner"), "x", 1, STATUS_DATA), -1);
    assert_error(STATUS_RUNTIME, "none/inner", "No such file");
    assert_true(file_exists(file));
}

static void looks_and_says_what_it_cannot_see(void **state)
{
    (void)state;
    bool there = true;
    const char *broken = scratch_path("broken"), *loop = scratch_path("loop");
    assert_int_equal(symlink("nowhere", broken), 0);
    assert_int_equal(symlink("loop", loop), 0);
    assert_int_equal(file_look(scratch_path("missing"), STATUS_DATA, &there), 0);
    assert_false(there);
    assert_int_equal(file_look(scratch_file("seen", "", 0), STATUS_DATA, &there), 0);
    assert_true(there);
    assert_int_equal(file_look(broken, STATUS_DATA, &there), -1);
    assert_error(STATUS_DATA, broken, "a link that leads nowhere");
    assert_int_equal(file_look(loop, STATUS_DATA, &there), -1);
    assert_error(STATUS_DATA, loop, "symbolic links");
    assert_int_equal(directory_look(loop, STATUS_USAGE, &there), -1);
    assert_error(STATUS_USAGE, loop, "symbolic links");
    assert_int_equal(directory_look(scratch_path("seen"), STATUS_USAGE, &there), -1);
    assert_error(STATUS_USAGE, "seen", "not a directory");
    assert_int_equal(file_look(scratch, STATUS_DATA, &there), -1);
    assert_error(STATUS_DATA, scratch, "not a regular file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_within_the_limit),
        cmocka_unit_test(names_what_cannot_be_read),
        cmocka_unit_test(unpacks_gzip_and_passes_plain_files),
        cmocka_unit_test(refuses_damaged_gzip),
        cmocka_unit_test(replaces_a_file_whole),
        cmocka_unit_test(a_power_cut_finds_the_old_file_or_the_new_one),
        cmocka_unit_test(keeps_the_old_file_when_the_disk_is_full),
        cmocka_unit_test(refuses_places_that_cannot_be_written),
        cmocka_unit_test(sweeps_up_after_the_dead_only),
        cmocka_unit_test(leftovers_fill_no_directory),
        cmocka_unit_test(sweeps_up_after_its_own_number),
        cmocka_unit_test(writes_names_of_any_legal_length),
        cmocka_unit_test(tells_a_bad_name_from_a_bad_directory),
        cmocka_unit_test(looks_and_says_what_it_cannot_see),
        cmocka_unit_test(makes_directories),
        cmocka_unit_test(joins_paths),
        cmocka_unit_test(the_last_part_of_a_path),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
