/* Worklists that are worked through without a model. */
#ifndef TESTS_WORKLISTS_H
#define TESTS_WORKLISTS_H

#include "scratch.h"

#include "base/files.h"
#include "image/image.h"
#include "separate/earlier.h"

/* Writes black outputs for all pictures, and the manifest as `separate` does. */
static inline void finish(worklist *w)
{
    struct image black;
    assert_int_equal(image_new(&black, 28, 28, 1), 0);
    assert_int_equal(directory_make(w->output), 0);
    for (size_t i = 0; i < w->count; i++) {
        for (int k = 0; k < OUTPUTS; k++)
            if (w->items[i].outputs[k])
                assert_int_equal(worklist_write(w, &w->items[i], k, &black), 0);
        w->items[i].status = WORK_DONE;
    }
    image_release(&black);
    json_t *manifest = worklist_as_json(w);
    assert_int_equal(json_object_set_new(manifest, "unblend", json_string("test")), 0);
    char *path = path_join(w->output, MANIFEST_NAME);
    assert_int_equal(write_json(path, manifest), 0);
    free(path);
}

#endif
