#include "convert/keras_slots.h"

#include "base/error.h"
#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

/* A layer of ours that has parameters, and its place in Keras' order. */
typedef struct place {
    const layer *layer;
    int decoder;  /* of a source, from 0; -1: shared */
    size_t index; /* in the graph, or within its decoder; the same for all parts of an attention */
    size_t order; /* in the graph */
} place;

static const struct {
    const char *type;
    enum keras_class class;
} types[] = {{"conv2d", KERAS_CONV2D},
             {"conv2d_transpose", KERAS_CONV2D_TRANSPOSE},
             {"batch_norm", KERAS_BATCH_NORMALIZATION},
             {"dense", KERAS_DENSE},
             {"layer_norm", KERAS_LAYER_NORMALIZATION},
             {"position_embedding", KERAS_EMBEDDING}};

static enum keras_class class_of(const layer *l)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].type, l->type->name))
            return types[i].class;
    return KERAS_OTHER;
}

/* Of "decoder_b/stage1/conv" and "head_b": 1. */
static int decoder_of(const char *name)
{
    static const char *const prefixes[] = {"decoder_", "head_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t length = strlen(prefixes[i]);
        if (!strncmp(name, prefixes[i], length) && (name[length + 1] == '/' || !name[length + 1]))
            return name[length] - 'a';
    }
    return -1;
}

/* Which of query, key, value and output a dense layer is of an attention; -1: of none. */
static int attention_part(const char *name)
{
    static const char *const parts[] = {"attention/query", "attention/key", "attention/value",
                                        "attention/output"};
    size_t length = strlen(name);
    for (int i = 0; i < 4; i++) {
        size_t own = strlen(parts[i]);
        if (length >= own && !strcmp(name + length - own, parts[i]))
            return i;
    }
    return -1;
}

static int compare_places(const void *a, const void *b)
{
    const place *one = a, *other = b;
    bool first = one->decoder < 0, second = other->decoder < 0;
    if (first != second)
        return first ? -1 : 1;
    if (one->index != other->index)
        return one->index < other->index ? -1 : 1;
    if (one->decoder != other->decoder)
        return one->decoder - other->decoder;
    return one->order < other->order ? -1 : one->order > other->order;
}

static int add_slot(keras_slots *s, keras_slot slot)
{
    if (grow(&s->items, &s->capacity, s->count + 1, sizeof *s->items))
        return -1;
    s->items[s->count++] = slot;
    return 0;
}

static int add_layer(keras_slots *s, const layer *l, int sources)
{
    int part = attention_part(l->name);
    enum keras_class class = part < 0 ? class_of(l) : KERAS_ATTENTION;
    int heads = !strcmp(l->name, "heads") ? sources : 1;
    if (class == KERAS_OTHER)
        return fail(STATUS_USAGE, "%s: Keras has no such layer as %s", l->name, l->type->name);
    if (part <= 0)
        s->layers[class] += (size_t)heads;
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < l->param_count; i++) {
            keras_slot slot = {.param = l->params[i],
                               .class = class,
                               .index = s->layers[class] - (size_t)(heads - h),
                               .array = part < 0 ? i : 2 * part + i,
                               .part = h,
                               .parts = heads};
            if (add_slot(s, slot))
                return -1;
        }
    return 0;
}

int keras_slots_of(keras_slots *out, const network *n, const settings *s)
{
    const graph *g = n->graph;
    size_t count = 0, of_decoder[SOURCES_MAX] = {0};
    const struct model_config *m = &s->stages[0];
    *out = (keras_slots){0};
    if (s->stage_count > 1 || m->residual || m->gated || m->attention_count || !m->skips ||
        !m->batch_norm || m->consistent)
        return fail(STATUS_USAGE,
                    "Keras' systems have one stage of plain modules with batch norms and skips, "
                    "no attention behind encoder modules, and outputs that are not made "
                    "consistent");
    place *places = allocate(g->layer_count + 1, sizeof *places);
    if (!places)
        return -1;
    for (size_t i = 0; i < g->layer_count; i++) {
        const layer *l = g->layers[i];
        int decoder = decoder_of(l->name);
        if (!l->param_count)
            continue;
        if (decoder >= 0 && attention_part(l->name) <= 0)
            of_decoder[decoder]++;
        places[count++] = (place){l, decoder, decoder < 0 ? i : of_decoder[decoder], i};
    }
    qsort(places, count, sizeof *places, compare_places);
    int result = 0;
    for (size_t i = 0; i < count && !result; i++)
        result = add_layer(out, places[i].layer, n->mixture.sources);
    free(places);
    return result;
}

void keras_slots_release(keras_slots *s)
{
    free(s->items);
    *s = (keras_slots){0};
}

void keras_slot_copy(const keras_slot *slot, float *param_values, float *array, bool to_param)
{
    const param *p = slot->param;
    size_t last = (size_t)p->dims[p->rank - 1], width = last / (size_t)slot->parts;
    for (size_t row = 0; row < p->count / last; row++) {
        float *ours = param_values + row * last + (size_t)slot->part * width;
        float *theirs = array + row * width;
        memcpy(to_param ? ours : theirs, to_param ? theirs : ours, width * sizeof *ours);
    }
}

int keras_slot_dims(const keras_slot *slot, size_t dims[4])
{
    /* of an attention's arrays, kernel and bias of query, key, value and output: their dimensions, and which of them
     * are heads; with one head, ours lack that one */
    static const int ranks[] = {3, 2, 3, 2, 3, 2, 3, 1}, heads[] = {1, 0, 1, 0, 1, 0, 0, 0};
    const param *p = slot->param;
    bool lacks = slot->class == KERAS_ATTENTION && p->rank < ranks[slot->array];
    int rank = 0;
    for (int i = 0; i < p->rank; i++) {
        if (lacks && i == heads[slot->array])
            dims[rank++] = 1;
        dims[rank++] = (size_t)p->dims[i];
    }
    dims[rank - 1] /= (size_t)slot->parts;
    return rank;
}

int keras_slot_arrays(const keras_slots *s, const keras_slot *slot)
{
    int count = 0;
    for (size_t i = 0; i < s->count; i++)
        count += s->items[i].class == slot->class && s->items[i].index == slot->index;
    return count;
}
