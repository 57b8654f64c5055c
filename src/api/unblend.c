#include "unblend.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "separate/separator.h"
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 32 };

struct ub_separator {
    separator *separator;
};

/* The model with the caller's choice of device over its settings. */
static int open_model(const char *path, const char *platform, const char *device, model_file *out)
{
    const char *overrides[2];
    size_t count = 0;
    char *texts[2] = {platform ? format_text("device.platform=%s", platform) : NULL,
                      device ? format_text("device.device=%s", device) : NULL};
    int result = (platform && !texts[0]) || (device && !texts[1]) ? -1 : 0;
    for (int i = 0; i < 2; i++)
        if (texts[i])
            overrides[count++] = texts[i];
    if (!result)
        result = model_open(path, overrides, count, out);
    free(texts[0]);
    free(texts[1]);
    return result;
}

ub_separator *ub_open(const char *model_path, const char *platform, const char *device)
{
    model_file file = {0};
    log_set_level(LOG_SILENT);
    error_clear();
    if (!model_path) {
        fail(STATUS_USAGE, "ub_open: model_path is NULL");
        return NULL;
    }
    ub_separator *s = allocate(1, sizeof *s);
    if (s && (open_model(model_path, platform, device, &file) ||
              separator_open(&s->separator, model_path, &file, BATCH))) {
        free(s);
        s = NULL;
    }
    model_close(&file);
    return s;
}

void ub_close(ub_separator *s)
{
    if (!s)
        return;
    separator_close(s->separator);
    free(s);
}

const char *ub_source_name(const ub_separator *s, int source)
{
    return s && source >= 0 && source < SOURCES ? separator_source_name(s->separator, source)
                                                : NULL;
}

int ub_separate(ub_separator *s, const unsigned char *pixels, int width, int height, int count,
                unsigned char *out_a, unsigned char *out_b)
{
    error_clear();
    if (!s || !pixels || !out_a || !out_b || count < 0)
        return fail(STATUS_USAGE, "ub_separate: an argument is NULL, or count is negative");
    if (separator_check_size(width, height))
        return -1;
    separation *items = allocate((size_t)count, sizeof *items);
    if (!items)
        return -1;
    size_t size = (size_t)width * (size_t)height;
    for (size_t i = 0; i < (size_t)count; i++)
        items[i] = (separation){.width = width,
                                .height = height,
                                .mixture = pixels + i * size,
                                .sources = {out_a + i * size, out_b + i * size}};
    int result = separator_run(s->separator, items, (size_t)count);
    for (size_t i = 0; i < (size_t)count && !result; i++) {
        char name[64];
        snprintf(name, sizeof name, "picture %zu of %d", i + 1, count);
        result = separator_check(s->separator, &items[i], name);
    }
    free(items);
    return result;
}

const char *ub_error(void)
{
    return error_message();
}
