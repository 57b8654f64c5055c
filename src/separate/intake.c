#include "separate/intake.h"

#include "base/error.h"
#include "models/network.h"
#include <stdio.h>

enum { INNER_SIZE = 28 };

void intake_of(const model_file *file, intake *out)
{
    const char *names[SOURCES] = {settings_text(file->settings, "data.name_a"),
                                  settings_text(file->settings, "data.name_b")};
    *out = (intake){.mixture = {.sources = SOURCES, .format = {IMAGE_SIZE, IMAGE_SIZE, 1}},
                    .inner_height = INNER_SIZE,
                    .inner_width = INNER_SIZE};
    for (int k = 0; k < SOURCES; k++)
        snprintf(out->mixture.names[k], sizeof out->mixture.names[k], "%s", names[k]);
}

bool intake_takes(const intake *i, int width, int height)
{
    const struct image_format *whole = &i->mixture.format;
    return (width == whole->width && height == whole->height) ||
           (width == i->inner_width && height == i->inner_height);
}

int intake_check(const intake *i, int width, int height)
{
    const struct image_format *whole = &i->mixture.format;
    if (intake_takes(i, width, height))
        return 0;
    if (i->inner_width == whole->width && i->inner_height == whole->height)
        return fail(STATUS_DATA, "%d x %d pixels; only %d x %d can be separated", width, height,
                    whole->width, whole->height);
    return fail(STATUS_DATA, "%d x %d pixels; only %d x %d and %d x %d can be separated", width,
                height, i->inner_width, i->inner_height, whole->width, whole->height);
}
