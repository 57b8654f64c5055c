#include "data/picture_files.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/streams.h"
#include "data/folder.h"
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* What the folder of a part may be called, in any case. */
static const struct {
    const char *name;
    enum picture_part part;
} part_folders[] = {{"train", PART_TRAIN},           {"training", PART_TRAIN},
                    {"validation", PART_VALIDATION}, {"valid", PART_VALIDATION},
                    {"val", PART_VALIDATION},        {"test", PART_TEST},
                    {"testing", PART_TEST}};
enum { PART_FOLDERS = sizeof part_folders / sizeof *part_folders };

/* ---- Finding files ---- */

/* A walk through a folder. */
typedef struct walk {
    const char *folder;
    picture_files *found;
    enum picture_part part;
    bool placed; /* in a folder of that part */
    bool subfolders;
    bool first_only; /* one picture is enough */
} walk;

static int compare_entries(const FTSENT **left, const FTSENT **right)
{
    return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* The part that a folder of this name is for; PARTS if it is none's. */
static enum picture_part part_of_folder(const char *name)
{
    for (int i = 0; i < PART_FOLDERS; i++)
        if (!strcasecmp(name, part_folders[i].name))
            return part_folders[i].part;
    return PARTS;
}

/* Hidden folders are passed over, those of parts are walked on their own. */
static bool is_entered(const walk *w, const FTSENT *entry, bool whole)
{
    if (!entry->fts_level)
        return true;
    return w->subfolders && entry->fts_name[0] != '.' &&
           !(whole && entry->fts_level == 1 && part_of_folder(entry->fts_name) < PARTS);
}

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A file may be replaced by one with an older date, or become readable: its status changes then. */
static int64_t later(struct timespec written, struct timespec changed)
{
    int64_t a = nanoseconds(written), b = nanoseconds(changed);
    return a > b ? a : b;
}

static int add_file(const walk *w, const FTSENT *entry)
{
    picture_files *p = w->found;
    const struct stat *info = entry->fts_statp;
    void *files = p->files;
    if (grow(&files, &p->capacity, p->count + 1, sizeof *p->files))
        return -1;
    p->files = files;
    picture_file *file = &p->files[p->count];
    *file = (picture_file){.part = w->part, .placed = w->placed && w->part != PART_TRAIN};
    const char *name = entry->fts_path + strlen(w->folder);
    file->name = copy_text(name + strspn(name, "/"));
    if (!file->name)
        return -1;
    p->count++;
    if (entry->fts_info ==
        FTS_F) { /* else a link that leads nowhere, say: whoever reads it will say so */
        file->bytes = (uint64_t)info->st_size;
        file->modified = later(info->st_mtim, info->st_ctim);
    }
    return 0;
}

static int add_entry(const walk *w, const FTSENT *entry)
{
    if (entry->fts_name[0] == '.')
        return 0;
    if (folder_is_picture(entry->fts_path, entry->fts_name))
        return add_file(w, entry);
    w->found->others++;
    return 0;
}

static int visit(const walk *w, FTS *tree, FTSENT *entry, bool whole)
{
    switch (entry->fts_info) {
    case FTS_D:
        return is_entered(w, entry, whole) ? 0 : fts_set(tree, entry, FTS_SKIP);
    case FTS_DP:
    case FTS_DC: /* a link back to a folder above */
        return 0;
    case FTS_DNR:
    case FTS_ERR:
        return fail(STATUS_DATA, "%s: this folder cannot be read: %s", entry->fts_path,
                    strerror(entry->fts_errno));
    default:
        if (entry->fts_level)
            return add_entry(w, entry);
        return fail(STATUS_DATA, "%s: cannot be read as a folder: %s", entry->fts_path,
                    strerror(entry->fts_info == FTS_NS ? entry->fts_errno : ENOTDIR));
    }
}

/* `below`: the sub-folder of a part, or NULL for the whole folder but those. */
static int walk_through(walk *w, const char *below)
{
    char *path = below ? path_join(w->folder, below) : copy_text(w->folder);
    char *const roots[] = {path, NULL};
    FTS *tree = path ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, compare_entries) : NULL;
    int result = tree ? 0 : fail(STATUS_DATA, "%s: cannot be read: %s", w->folder, strerror(errno));
    for (FTSENT *entry; !result && (errno = 0, entry = fts_read(tree));) {
        result = visit(w, tree, entry, !below);
        if (w->first_only && w->found->count)
            break;
    }
    if (!result && errno && !(w->first_only && w->found->count))
        result = fail(STATUS_DATA, "%s: cannot be read to its end: %s", w->folder, strerror(errno));
    if (tree)
        fts_close(tree);
    free(path);
    return result;
}

/* Walks through the folder that an entry of the whole one is, if it is a part's. */
static int walk_through_part(walk *w, const char *name, bool has[PARTS])
{
    enum picture_part part = part_of_folder(name);
    char *path = part < PARTS ? path_join(w->folder, name) : NULL;
    bool is_one = path && directory_exists(path);
    free(path);
    if (!is_one)
        return part < PARTS && !path ? -1 : 0;
    has[part] = true;
    w->part = part;
    w->placed = true;
    return walk_through(w, name);
}

/* A training folder has all there is to train on; pictures that lie beside it are only counted. */
static int find_files(walk *w, bool has[PARTS])
{
    DIR *directory = opendir(w->folder);
    int result = directory ? 0
                           : fail(STATUS_DATA, "%s: cannot be read as a folder: %s", w->folder,
                                  strerror(errno));
    for (struct dirent *entry; !result && (entry = readdir(directory));)
        result = walk_through_part(w, entry->d_name, has);
    if (directory)
        closedir(directory);
    w->part = PART_TRAIN;
    w->placed = false;
    if (result || !has[PART_TRAIN])
        return result ? -1 : walk_through(w, NULL);
    picture_files beside = {0};
    walk rest = {.folder = w->folder, .found = &beside, .subfolders = w->subfolders};
    result = walk_through(&rest, NULL);
    w->found->unused = beside.count;
    picture_files_release(&beside);
    return result;
}

/* ---- Parts ---- */

/* Of a name alone, evenly spread over 0..1. */
static double draw_share(const char *name)
{
    rng random = rng_start(0, stream_of_name(STREAM_PARTS, name));
    return rng_uniform(&random);
}

/* The picture to train on of the lowest draw; SIZE_MAX if it is the last one. */
static size_t find_lowest(const picture_files *p)
{
    size_t lowest = SIZE_MAX, trained = 0;
    double least = 2;
    for (size_t i = 0; i < p->count; i++) {
        if (p->files[i].part != PART_TRAIN)
            continue;
        double share = draw_share(p->files[i].name);
        trained++;
        if (share < least) {
            least = share;
            lowest = i;
        }
    }
    return trained > 1 ? lowest : SIZE_MAX;
}

static size_t count_part(const picture_files *p, enum picture_part part)
{
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        count += p->files[i].part == part;
    return count;
}

/* In a small folder chance may leave nothing: a share above zero has at least one picture, where there is one
 * more to train on. */
static void give_one(picture_files *p, enum picture_part part, double share)
{
    size_t lowest = share > 0 && !count_part(p, part) ? find_lowest(p) : SIZE_MAX;
    if (lowest != SIZE_MAX)
        p->files[lowest].part = part;
}

/* Chance may leave nothing to train on, too. */
static void keep_one(picture_files *p)
{
    size_t best = SIZE_MAX;
    double highest = -1;
    size_t count = count_part(p, PART_TRAIN) ? 0 : p->count;
    for (size_t i = 0; i < count; i++) {
        double share = p->files[i].placed ? -1 : draw_share(p->files[i].name);
        if (share > highest) {
            highest = share;
            best = i;
        }
    }
    if (best != SIZE_MAX)
        p->files[best].part = PART_TRAIN;
}

static int share_out(picture_files *p, const struct data_config *c, const bool has[PARTS])
{
    double test = has[PART_TEST] ? 0 : c->test,
           validation = has[PART_VALIDATION] ? 0 : c->validation;
    if (!count_part(p, PART_TRAIN))
        return 0;
    if (test + validation >= 1)
        return fail(
            STATUS_USAGE,
            "data.validation = %g and data.test = %g leave no pictures of a folder to train on",
            validation, test);
    for (size_t i = 0; i < p->count; i++) {
        picture_file *file = &p->files[i];
        if (file->part != PART_TRAIN)
            continue;
        double share = draw_share(file->name);
        if (share < test + validation)
            file->part = share < test ? PART_TEST : PART_VALIDATION;
    }
    keep_one(p);
    give_one(p, PART_VALIDATION, validation);
    give_one(p, PART_TEST, test);
    return 0;
}

static int compare_files(const void *left, const void *right)
{
    const picture_file *a = left, *b = right;
    return a->part != b->part ? (int)a->part - (int)b->part : strcmp(a->name, b->name);
}

static int check_parts(const picture_files *p, const char *folder, bool subfolders)
{
    if (!p->count)
        return fail(
            STATUS_DATA,
            "%s: holds no picture (PNG, JPEG, TIFF, WebP, PGM or PPM), and %zu other files%s",
            folder, p->others,
            subfolders ? "" : "; pictures in sub-folders count with data.subfolders = true");
    return p->parts[PART_TRAIN]
               ? 0
               : fail(STATUS_DATA,
                      "%s: none of its %zu pictures is left to train on: %s/train is empty", folder,
                      p->count, folder);
}

int picture_files_list(const char *folder, const struct data_config *c, picture_files *out)
{
    bool has[PARTS] = {false};
    *out = (picture_files){0};
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    char *plain = format_text("%.*s", (int)length, folder);
    walk w = {.folder = plain, .found = out, .subfolders = c->subfolders};
    int result = plain && !find_files(&w, has) && !share_out(out, c, has) ? 0 : -1;
    if (!result) {
        if (out->count)
            qsort(out->files, out->count, sizeof *out->files, compare_files);
        for (size_t i = 0; i < out->count; i++)
            out->parts[out->files[i].part]++;
        result = check_parts(out, folder, c->subfolders);
    }
    free(plain);
    if (result)
        picture_files_release(out);
    return result;
}

void picture_files_release(picture_files *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->files[i].name);
    free(p->files);
    *p = (picture_files){0};
}

/* Whether a picture, or the folder of a part, lies right in it. */
static bool look_inside(const char *folder)
{
    bool found = false;
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && !found && (entry = readdir(directory));) {
        char *path = path_join(folder, entry->d_name);
        bool is_part = part_of_folder(entry->d_name) < PARTS;
        if (path && entry->d_name[0] != '.')
            found = is_part ? directory_exists(path)
                            : folder_is_picture(path, entry->d_name) && !directory_exists(path);
        free(path);
    }
    if (directory)
        closedir(directory);
    return found;
}

bool picture_files_look(const char *folder, const struct data_config *c)
{
    picture_files found = {0};
    walk w = {.folder = folder, .found = &found, .subfolders = true, .first_only = true};
    bool is_one = look_inside(folder) || (c->subfolders && directory_exists(folder) &&
                                          !walk_through(&w, NULL) && found.count);
    picture_files_release(&found);
    error_clear();
    return is_one;
}
