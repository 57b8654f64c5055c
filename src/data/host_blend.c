/* Blends on the host: what cl/mixer.cl does, by the same cl/blending.h. */
#include "base/error.h"
#include "data/batches.h"

/* Of described sources. */
static int draw_lone_source(const mixed_source of[], int sources, uint64_t seed, unsigned stream,
                            uint64_t position)
{
    philox_word words[4];
    blend_words(position, (philox_word)seed, stream, WORDS_CLEAN, 0, words);
    return blend_lone_source(of, sources, words);
}

int batches_lone_source(const batches *b, enum split split, uint64_t seed, unsigned stream,
                        uint64_t position)
{
    mixed_source of[SOURCES_MAX];
    for (int k = 0; k < b->mixture.sources; k++)
        of[k] = batches_describe(b, split, k);
    return draw_lone_source(of, b->mixture.sources, seed, stream, position);
}

void batches_draw_blend(const batches *b, enum split split, uint64_t seed, unsigned stream,
                        uint64_t position, blend_draw *out)
{
    philox_word words[4];
    const philox_word key = (philox_word)seed;
    for (int k = 0; k < b->mixture.sources; k++) {
        out->of[k] = batches_describe(b, split, k);
        out->weights[k] = out->of[k].weight;
    }
    blend_words(position, key, stream, WORDS_PICTURE, 0, words);
    blend_draw_pictures(out->of, b->mixture.sources, words, out->numbers);
    out->alone = draw_lone_source(out->of, b->mixture.sources, seed, stream, position);
    blend_words(position, key, stream, WORDS_PLACE, 0, out->place);
    blend_words(position, key, stream, WORDS_CROP, 0, out->crop);
    blend_words(position, key, stream, WORDS_TURN, 0, out->turn);
    blend_words(position, key, stream, WORDS_WEIGHT, 0, words);
    if (b->rule.draws_weights)
        blend_draw_weights(b->rule, b->mixture.sources, words, out->weights);
}

int batches_view(const batches *b, const blend_draw *drawn, int source, picture_view *v,
                 placement *at, long *replaced)
{
    const batches_source *from = &b->sources[source];
    const mixed_source *of = &drawn->of[source];
    struct image_format f = b->mixture.format;
    for (int tries = 0; tries < of->count; tries++) {
        int number = of->first + (int)(((long)drawn->numbers[source] + tries) % of->count);
        if (!dataset_view(from->set, from->order[number], v)) {
            *at = blend_place(*of, f.height, f.width, v->height, v->width, drawn->place[source],
                              drawn->crop[source], drawn->turn[source]);
            return 0;
        }
        if (error_status() == STATUS_MEMORY)
            return -1;
        ++*replaced;
    }
    return fail(STATUS_DATA, "source %s: none of its %d pictures can be read any more: %s",
                b->mixture.names[source], of->count, error_message());
}

/* Source k of the truth. */
static int write_truth(const batches *b, const blend_draw *d, int k, float *truth)
{
    struct image_format f = b->mixture.format;
    picture_view v;
    placement at;
    long replaced = 0;
    if (batches_view(b, d, k, &v, &at, &replaced))
        return -1;
    for (int i = 0; i < f.height * f.width; i++) {
        int pixel = blend_pixel(at, v.width, i / f.width, i % f.width);
        float *to =
            truth + ((size_t)i * (size_t)b->mixture.sources + (size_t)k) * (size_t)f.channels;
        for (int c = 0; c < f.channels; c++) {
            float value =
                pixel < 0
                    ? 0
                    : (float)v.pixels[(size_t)pixel * (size_t)f.channels + (size_t)c] / 255.0f;
            to[c] = d->alone < 0 || d->alone == k ? value : blend_absent(b->rule.kind);
        }
    }
    picture_view_release(&v);
    return 0;
}

static float blend_one(const batches *b, const blend_draw *d, const float *truth, int c)
{
    float values[SOURCES_MAX];
    int channels = b->mixture.format.channels;
    for (int k = 0; k < b->mixture.sources; k++)
        values[k] = truth[k * channels + c];
    return d->alone < 0 ? blend_values(b->rule, b->mixture.sources, d->weights, values)
                        : values[d->alone];
}

static void add_noise(const batches *b, uint64_t seed, unsigned stream, uint64_t position,
                      float *blend)
{
    struct image_format f = b->mixture.format;
    philox_word words[4], groups = ((philox_word)(f.width * f.channels) + 3) / 4;
    float normals[4] = {0};
    for (int y = 0; y < f.height; y++)
        for (int i = 0; i < f.width * f.channels; i++, blend++) {
            if (i % 4 == 0) {
                blend_words(position, (philox_word)seed, stream, WORDS_NOISE,
                            (philox_word)y * groups + (philox_word)i / 4, words);
                blend_normals(words, normals);
            }
            *blend = blend_noisy(*blend, b->rule.noise * normals[i % 4]);
        }
}

int batches_blend(const batches *b, enum split split, uint64_t seed, unsigned stream,
                  uint64_t position, float *blend, float *truth)
{
    blend_draw d;
    struct image_format f = b->mixture.format;
    int sources = b->mixture.sources;
    batches_draw_blend(b, split, seed, stream, position, &d);
    for (int k = 0; k < sources; k++)
        if (write_truth(b, &d, k, truth))
            return -1;
    for (int i = 0; i < f.height * f.width; i++)
        for (int c = 0; c < f.channels; c++)
            blend[i * f.channels + c] = blend_one(b, &d, truth + i * sources * f.channels, c);
    if (b->rule.noise > 0)
        add_noise(b, seed, stream, position, blend);
    return 0;
}
