/*
 * Adds to a model what its blends are like (models/typical.h), which `train` does by itself: for models that were
 * imported, or trained before there was such a thing.
 *
 *     build/tools/typical MODEL OUTPUT [DIR]        DIR: the directory of its data sets
 *
 * The weights become 16-bit numbers, as by `unblend pack`.
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/streams.h"
#include "compute/open_device.h"
#include "evaluate/evaluate.h"
#include "models/model_file.h"
#include "models/trained.h"
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 32, BLENDS = 256 };

static int measure(model_file *m, const char *path)
{
    const settings *s = m->settings;
    uint64_t seed = (uint64_t)s->train.seed;
    device *d = NULL;
    batches *blends = NULL;
    trained t = {0};
    evaluator *e = NULL;
    int result = open_device_for_inference(&d, &s->device) ||
                         batches_open(&blends, d, &s->data, seed, false) ||
                         trained_open(&t, d, s, m->tensors, path, BATCH, NETWORK_INFER) ||
                         evaluator_new(&e, t.network, blends) ||
                         evaluator_typical(e, &s->data.mix, SPLIT_VALIDATION, seed,
                                           STREAM_VALIDATION, BLENDS, &m->typical)
                     ? -1
                     : 0;
    evaluator_free(e);
    trained_close(&t);
    batches_close(blends);
    device_close(d);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s MODEL OUTPUT [DIR]\n", argv[0]);
        return STATUS_USAGE;
    }
    char *data = argc == 4 ? format_text("data.directory=%s", argv[3]) : NULL;
    const char *overrides[] = {data};
    model_file m = {0};
    int result = model_open(argv[1], overrides, data ? 1 : 0, &m) || measure(&m, argv[1]) ||
                         model_pack(&m, argv[2])
                     ? -1
                     : 0;
    model_close(&m);
    free(data);
    if (result)
        fprintf(stderr, "%s: %s\n", argv[0], error_message());
    return result ? (int)error_status() : 0;
}
