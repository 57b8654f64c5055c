#define _XOPEN_SOURCE 700 /* realpath */
#include "data/survey.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/settings.h"
#include "data/idx.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Paths ---- */

static char *resolve(const char *path)
{
    char *resolved = realpath(path, NULL);
    if (!resolved)
        fail(STATUS_DATA, "%s: %s", path, strerror(errno));
    return resolved;
}

/* From the root. A link at its end stays one: its name says what the pictures are. */
static char *absolute(const char *path)
{
    size_t length;
    const char *last = path_last_part(path, &length);
    bool is_dots = length && length <= 2 && !strncmp(last, "..", length);
    if (!length || is_dots)
        return resolve(path);
    char *above = format_text("%.*s", (int)(last - path), path);
    char *resolved = above ? resolve(*above ? above : ".") : NULL;
    char *whole = resolved ? format_text("%s%s%.*s", resolved, strcmp(resolved, "/") ? "/" : "",
                                         (int)length, last)
                           : NULL;
    free(above);
    free(resolved);
    return whole;
}

static int check_folder(const char *path)
{
    bool there;
    if (directory_look(path, STATUS_DATA, &there))
        return -1;
    if (!there)
        return fail(STATUS_DATA, "%s: there is no such folder", path);
    return access(path, R_OK | X_OK)
               ? fail(STATUS_DATA, "%s: this folder cannot be read: %s", path, strerror(errno))
               : 0;
}

/* ---- Looking at pictures ---- */

/* Those that can be read of a folder's pictures. */
typedef struct heads {
    struct image_head at[SURVEY_LOOKS];
    size_t count;
} heads;

static double pixels_of(const struct image_head *h)
{
    return (double)h->width * h->height;
}

static int shorter_side(const struct image_head *h)
{
    return h->width < h->height ? h->width : h->height;
}

static int compare_pixels(const void *left, const void *right)
{
    double a = pixels_of(left), b = pixels_of(right);
    return (a > b) - (a < b);
}

static int compare_sides(const void *left, const void *right)
{
    return shorter_side(left) - shorter_side(right);
}

/* At least one. */
static void summarise(survey *s, heads *h)
{
    const struct image_head *first = &h->at[0];
    double sum = 0;
    s->one_size = true;
    for (size_t i = 0; i < h->count; i++) {
        s->coloured += h->at[i].coloured;
        s->one_size &= h->at[i].width == first->width && h->at[i].height == first->height;
        sum += pixels_of(&h->at[i]);
    }
    s->mean_pixels = sum / (double)h->count;
    qsort(h->at, h->count, sizeof *h->at, compare_sides);
    s->usual_side = shorter_side(&h->at[h->count / 2]);
    qsort(h->at, h->count, sizeof *h->at, compare_pixels);
    s->smallest = h->at[0];
    s->median = h->at[h->count / 2];
    s->largest = h->at[h->count - 1];
}

static int keep_reason(survey *s)
{
    if (s->unreadable < SURVEY_REASONS && !(s->reasons[s->unreadable] = copy_text(error_message())))
        return -1;
    s->unreadable++;
    error_clear();
    return 0;
}

static int look_at(survey *s, const char *name, heads *h)
{
    char *path = path_join(s->path, name);
    if (!path)
        return -1;
    int result = 0;
    if (!image_look(path, &h->at[h->count]))
        h->count++;
    else
        result = error_status() == STATUS_MEMORY ? -1 : keep_reason(s);
    free(path);
    return result;
}

static int check_readable(const survey *s, const heads *h)
{
    size_t all = survey_pictures(s);
    if (!h->count)
        return fail(STATUS_DATA,
                    "%s: none of the %zu pictures that were looked at can be read; the first: %s",
                    s->path, s->looked, s->reasons[0]);
    return all > s->looked || h->count > 1
               ? 0
               : fail(STATUS_DATA,
                      "%s: holds only one picture%s; a network learns from many, a few hundred at "
                      "least",
                      s->path, s->unreadable ? " that can be read" : "");
}

static int survey_pictures_of(survey *s, const struct data_config *c)
{
    picture_files files;
    heads *h = allocate(1, sizeof *h);
    int result = h ? picture_files_list(s->path, c, &files) : -1;
    if (result) {
        free(h);
        return -1;
    }
    memcpy(s->parts, files.parts, sizeof s->parts);
    s->others = files.others;
    s->looked = files.count < SURVEY_LOOKS ? files.count : SURVEY_LOOKS;
    for (size_t i = 0; !result && i < s->looked; i++)
        result = look_at(s, files.files[i * files.count / s->looked].name, h);
    if (!result)
        result = check_readable(s, h);
    if (!result)
        summarise(s, h);
    picture_files_release(&files);
    free(h);
    return result;
}

/* ---- IDX files ---- */

/* How many pictures the file at path has; 0 for none. */
static int look_at_images(const char *path, struct image_head *head, size_t *count)
{
    struct image_set set = {0};
    if (path && idx_read_images(path, &set))
        return -1;
    *count = set.count;
    *head = (struct image_head){set.format.width, set.format.height, set.format.channels == 3};
    image_set_release(&set);
    return 0;
}

static int survey_images(survey *s, const char *path)
{
    heads *h = allocate(1, sizeof *h);
    struct image_head ignored;
    char *test = NULL;
    int result = h && !look_at_images(path, &h->at[0], &s->parts[PART_TRAIN]) &&
                         !idx_find_images(s->path, "t10k", &test) &&
                         !look_at_images(test, &ignored, &s->parts[PART_TEST])
                     ? 0
                     : -1;
    if (!result) {
        s->is_idx = true;
        s->looked = survey_pictures(s);
        h->count = 1;
        summarise(s, h);
        s->coloured *= s->looked;
        if (s->parts[PART_TRAIN] < 2)
            result =
                fail(STATUS_DATA, "%s: holds only one picture; a network learns from many", path);
    }
    free(test);
    free(h);
    return result;
}

/* ---- Folders ---- */

/* Whether the pictures of a folder are in its sub-folders only. */
static int look_below(const char *path, struct data_config c, bool *below)
{
    picture_files files;
    c.subfolders = false;
    *below = false;
    if (!picture_files_list(path, &c, &files)) {
        picture_files_release(&files);
        return 0;
    }
    if (error_status() == STATUS_MEMORY)
        return -1;
    c.subfolders = true;
    if (picture_files_list(path, &c, &files))
        return -1;
    error_clear();
    picture_files_release(&files);
    *below = true;
    return 0;
}

/* images[k]: the IDX file of folder k, NULL if it has files of pictures. */
static int find_all(surveys *s, char *const folders[], const struct data_config *c,
                    char *images[SOURCES_MAX])
{
    for (int k = 0; k < s->count; k++) {
        bool below = false;
        survey *of = &s->of[k];
        if (check_folder(folders[k]) || !(of->path = absolute(folders[k])) ||
            idx_find_images(of->path, "train", &images[k]) ||
            (!images[k] && look_below(of->path, *c, &below)))
            return -1;
        s->subfolders |= below;
    }
    return 0;
}

static int look_at_all(surveys *s, struct data_config c, char *const images[SOURCES_MAX])
{
    int result = 0;
    c.subfolders = s->subfolders;
    for (int k = 0; k < s->count && !result; k++) {
        log_live("looking at %s", s->of[k].path);
        result =
            images[k] ? survey_images(&s->of[k], images[k]) : survey_pictures_of(&s->of[k], &c);
    }
    log_live_end();
    return result;
}

int surveys_make(surveys *s, char *const folders[], int count)
{
    settings *defaults = NULL;
    char *images[SOURCES_MAX] = {NULL};
    *s = (surveys){.count = count};
    int result = settings_parse_alone(&defaults, "", "the defaults") ||
                         find_all(s, folders, &defaults->data, images) ||
                         look_at_all(s, defaults->data, images)
                     ? -1
                     : 0;
    if (!result) {
        s->validation = defaults->data.validation;
        s->test = defaults->data.test;
    }
    for (int k = 0; k < SOURCES_MAX; k++)
        free(images[k]);
    settings_free(defaults);
    if (result)
        surveys_release(s);
    return result;
}

void surveys_release(surveys *s)
{
    for (int k = 0; k < SOURCES_MAX; k++) {
        free(s->of[k].path);
        for (int i = 0; i < SURVEY_REASONS; i++)
            free(s->of[k].reasons[i]);
    }
    *s = (surveys){0};
}

size_t survey_pictures(const survey *s)
{
    return s->parts[PART_TRAIN] + s->parts[PART_VALIDATION] + s->parts[PART_TEST];
}

size_t survey_part(const surveys *s, int k, enum picture_part part)
{
    const survey *of = &s->of[k];
    size_t held_out = of->is_idx ? (size_t)((double)of->parts[PART_TRAIN] * s->validation) : 0;
    if (of->is_idx && !held_out && s->validation > 0)
        held_out = 1;
    return part == PART_TRAIN        ? of->parts[PART_TRAIN] - held_out
           : part == PART_VALIDATION ? of->parts[PART_VALIDATION] + held_out
                                     : of->parts[PART_TEST];
}
