/* Blends of the sample sets, made on the device and looked at on the host: for the tests of batches. */
#ifndef TESTS_SAMPLE_BATCHES_H
#define TESTS_SAMPLE_BATCHES_H

#include "base/error.h"
#include "base/streams.h"
#include "config/settings.h"
#include "data/batches.h"
#include "test_choice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka last: it defines fail()
#include <cmocka.h>

enum { BATCH = 6, SIDE = 32, BORDER = 2, IMAGE = SIDE * SIDE, PIXELS = BATCH * IMAGE, SOURCES = 2 };
enum { TRAINING = 1600, HELD_OUT = 400, TEST = 500 }; /* images of each sample set */

typedef struct fixture {
    device *device;
    settings *settings;
    batches *training, *test;
    cl_mem blend, truth;
} fixture;

/* A batch on the host: mixture, a, b, each (BATCH, SIDE, SIDE). */
typedef struct batch {
    float mixture[PIXELS], a[PIXELS], b[PIXELS];
} batch;

static inline void must(int result)
{
    if (result)
        fail_msg("%s", error_message());
}

static inline int set_up(void **state)
{
    static const char *const overrides[] = {"data.directory=tests/sample"};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    must(settings_load(&f->settings, NULL, overrides, 1));
    must(device_open(&f->device, test_choice(KERNELS_AUTO)));
    must(batches_open(&f->training, f->device, &f->settings->data, 1, false));
    must(batches_open(&f->test, f->device, &f->settings->data, 1, true));
    must(buffer_new(f->device, PIXELS * sizeof(float), "blend", &f->blend));
    must(buffer_new(f->device, SOURCES * PIXELS * sizeof(float), "truth", &f->truth));
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    fixture *f = *state;
    buffer_free(f->device, &f->blend);
    buffer_free(f->device, &f->truth);
    batches_close(f->training);
    batches_close(f->test);
    device_close(f->device);
    settings_free(f->settings);
    free(f);
    return 0;
}

static inline void draw(fixture *f, batches *from, enum split split, uint64_t seed, unsigned stream,
                        uint64_t position, batch *out)
{
    static float truth[SOURCES * PIXELS];
    must(batches_next(from, split, seed, stream, position, BATCH, f->blend, f->truth));
    must(buffer_read(f->device, f->blend, 0, out->mixture, sizeof out->mixture));
    must(buffer_read(f->device, f->truth, 0, truth, sizeof truth));
    for (int i = 0; i < PIXELS; i++) {
        out->a[i] = truth[SOURCES * i];
        out->b[i] = truth[SOURCES * i + 1];
    }
}

#endif
