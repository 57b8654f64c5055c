/* Folders of pictures made up for a test: for the tests of data sets that are folders. */
#ifndef TESTS_PICTURE_FOLDERS_H
#define TESTS_PICTURE_FOLDERS_H

#include "base/files.h"
#include "base/log.h"
#include "config/settings.h"
#include "image/image.h"
#include "scratch.h"

static inline void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

/* As scratch_path(), and good for long. */
static inline const char *lasting_path(const char *name)
{
    static char paths[64][1024];
    static unsigned next;
    char *path = paths[next++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

/* A group's setup. */
static inline int quiet_scratch_make(void **state)
{
    log_set_level(LOG_SILENT);
    return scratch_make(state);
}

/* A value for each pixel of each picture, unlike its neighbours'. */
static inline unsigned char picture_value(int picture, int y, int x, int c)
{
    return (unsigned char)(picture * 31 + y * 7 + x * 13 + c * 101 + (y * x) % 17);
}

static inline void write_numbered(const char *folder, const char *name, int picture, int height,
                                  int width, int channels)
{
    char path[1200];
    unsigned char *pixels = malloc((size_t)height * (size_t)width * (size_t)channels), *to = pixels;
    assert_non_null(pixels);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                *to++ = picture_value(picture, y, x, c);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    must(image_write_png(path, width, height, channels, pixels));
    free(pixels);
}

/* The folder, made, with `count` pictures 000.png ... of growing sizes. */
static inline const char *make_folder(const char *name, int count, int height, int width, int step,
                                      int channels)
{
    const char *folder = lasting_path(name);
    char file[32];
    must(directory_make(folder));
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%03d.png", i);
        write_numbered(folder, file, i, height + i * step, width + i * step, channels);
    }
    return folder;
}

/* Settings from a text in which data.directory is the scratch directory, and so is the cache's. */
static inline settings *folder_settings(const char *text)
{
    settings *s = NULL;
    char directory[1100], cache[1100];
    snprintf(directory, sizeof directory, "data.directory=%s", scratch);
    snprintf(cache, sizeof cache, "data.cache=%s/cache", scratch);
    const char *const overrides[] = {directory, cache};
    if (settings_parse(&s, text, "x.ini", overrides, strstr(text, "cache =") ? 1 : 2))
        fail_msg("%s", error_message());
    return s;
}

#endif
