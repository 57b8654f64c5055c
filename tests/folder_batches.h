/* Blends of made-up folders of pictures, made on a device and looked at on the host: for the tests of what
 * becomes of folders. */
#ifndef TESTS_FOLDER_BATCHES_H
#define TESTS_FOLDER_BATCHES_H

#include "base/streams.h"
#include "data/batches.h"
#include "picture_folders.h"
#include "test_choice.h"

enum { SIDE = 16, BATCH = 5, COUNT = 12 };

static device *opened;

static inline int set_up(void **state)
{
    quiet_scratch_make(state);
    must(device_open(&opened, test_choice(KERNELS_AUTO)));
    make_folder("large", COUNT, 20, 37, 3, 3);
    make_folder("small", COUNT, 5, 40, 2, 1);
    make_folder("other", COUNT, SIDE, SIDE, 0, 3);
    return 0;
}

static inline int tear_down(void **state)
{
    device_close(opened);
    return scratch_remove(state);
}

/* ---- Batches on the device, looked at on the host ---- */

typedef struct drawn {
    size_t values; /* of one source of one blend */
    int sources;
    float *blend, *truth;
} drawn;

static inline drawn drawn_new(const mixture *m, int batch)
{
    drawn d = {.values = image_values(m->format), .sources = m->sources};
    d.blend = calloc((size_t)batch * d.values, sizeof(float));
    d.truth = calloc((size_t)batch * d.values * (size_t)m->sources, sizeof(float));
    assert_true(d.blend && d.truth);
    return d;
}

static inline void drawn_free(drawn *d)
{
    free(d->blend);
    free(d->truth);
}

static inline void draw(batches *b, enum split split, uint64_t position, int batch, drawn *out)
{
    cl_mem blend, truth;
    size_t bytes = (size_t)batch * out->values * sizeof(float);
    must(buffer_new(opened, bytes, "blend", &blend));
    must(buffer_new(opened, bytes * (size_t)out->sources, "truth", &truth));
    must(batches_next(b, split, 7, STREAM_CHECK, position, batch, blend, truth));
    must(buffer_read(opened, blend, 0, out->blend, bytes));
    must(buffer_read(opened, truth, 0, out->truth, bytes * (size_t)out->sources));
    buffer_free(opened, &blend);
    buffer_free(opened, &truth);
}

static inline batches *open_batches(const settings *s, device *d, bool test)
{
    batches *b;
    must(batches_open(&b, d, &s->data, 1, test));
    return b;
}

static inline settings *keys(const char *sources, const char *data, const char *rest)
{
    char text[1024];
    snprintf(text, sizeof text, "[data]\nsources = %s\nsize = 16x16\n%s%s", sources, data, rest);
    return folder_settings(text);
}

#endif
