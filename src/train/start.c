#include "train/start.h"

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "convert/keras.h"
#include "models/freezing.h"
#include "models/model_file.h"
#include "models/network.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many, and the first of them. */
typedef struct tally {
    size_t count;
    char names[3 * 42 + 8];
} tally;

typedef struct report {
    size_t loaded, left_out;
    size_t added;  /* of stages that only the network has */
    tally missing; /* only in the network */
    tally shaped;  /* in both, in different shapes */
    tally extra;   /* only in the model */
} report;

static void add_to_tally(tally *t, const char *name)
{
    enum { SHOWN = 3 };
    size_t used = strlen(t->names);
    if (t->count < SHOWN)
        snprintf(t->names + used, sizeof t->names - used, "%s%.40s", t->count ? ", " : "", name);
    else if (t->count == SHOWN)
        snprintf(t->names + used, sizeof t->names - used, ", ...");
    t->count++;
}

static bool is_wanted(const struct train_config *c, const char *name)
{
    for (int i = 0; i < c->start_only_count; i++)
        if (!fnmatch(c->start_only[i], name, 0))
            return true;
    return !c->start_only_count;
}

/* Of the network's stages, from 1; parameters of a later one than the first are "stage2/...". */
static int stage_of(const char *name)
{
    int stage = 1, end = 0;
    return sscanf(name, "stage%d/%n", &stage, &end) == 1 && end ? stage : 1;
}

/* Marks in chosen what can be taken. */
static report compare(const params *p, const struct train_config *c, const model_file *m,
                      bool *chosen)
{
    report r = {0};
    const safetensors *file = m->tensors;
    for (size_t i = 0; i < p->count; i++) {
        const param *item = p->items[i];
        const struct stored_tensor *stored = safetensors_find(file, item->name);
        if (!is_wanted(c, item->name))
            r.left_out++;
        else if (stage_of(item->name) > m->settings->stage_count)
            r.added++;
        else if (!stored)
            add_to_tally(&r.missing, item->name);
        else if (!(chosen[i] = params_fit(item, stored)))
            add_to_tally(&r.shaped, item->name);
        else
            r.loaded++;
    }
    for (size_t i = 0; i < safetensors_count(file) && !c->start_only_count; i++)
        if (!params_find(p, safetensors_at(file, i)->name))
            add_to_tally(&r.extra, safetensors_at(file, i)->name);
    return r;
}

/* "; different shape: 3 (encoder1/conv1/kernel, ...)" */
static void write_tally(FILE *out, const tally *t, const char *what)
{
    if (t->count)
        fprintf(out, "; %s: %zu (%s)", what, t->count, t->names);
}

static char *report_text(const report *r)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fprintf(out, "loaded %zu tensors", r->loaded);
    if (r->left_out)
        fprintf(out, "; not selected by train.start_only: %zu", r->left_out);
    if (r->added)
        fprintf(out, "; in stages that it lacks: %zu", r->added);
    write_tally(out, &r->missing, "missing");
    write_tally(out, &r->shaped, "different shape");
    write_tally(out, &r->extra, "unexpected");
    if (!fclose(out))
        return text;
    free(text);
    return NULL;
}

/* "", or that the two are of different kinds. */
static const char *other_architecture(const settings *mine, const settings *its, char *text,
                                      size_t size)
{
    const char *a = network_architecture(mine->stages[0].architecture),
               *b = network_architecture(its->stages[0].architecture);
    *text = '\0';
    if (strcmp(a, b))
        snprintf(text, size, "a %s, while [model] is a %s; ", b, a);
    return text;
}

static int take(params *p, const settings *s, const model_file *m, const char *path, bool *chosen)
{
    char kinds[80];
    report r = compare(p, &s->train, m, chosen);
    char *text = report_text(&r);
    bool differs = r.missing.count || r.shaped.count || r.extra.count;
    int result = text ? 0 : fail(STATUS_MEMORY, "out of memory: train.start_from");
    if (!result && !r.loaded)
        result = fail(STATUS_DATA, "train.start_from: nothing in %s matches: %s%s", path,
                      other_architecture(s, m->settings, kinds, sizeof kinds), text);
    else if (!result && differs && s->train.start_mismatch == START_MISMATCH_ERROR)
        result = fail(
            STATUS_DATA,
            "train.start_from: %s does not match this network: %s%s. Set train.start_mismatch = "
            "skip to load what matches, or select parameters with train.start_only",
            path, other_architecture(s, m->settings, kinds, sizeof kinds), text);
    if (!result)
        result = params_import(p, p->values, "", false, chosen, m->tensors);
    if (!result)
        log_info("starting from %s: %s", path, text);
    free(text);
    return result;
}

static int take_model(params *p, const settings *s)
{
    const char *path = s->train.start_from;
    model_file m;
    for (int i = 0; i < s->train.start_only_count; i++)
        if (freezing_check_pattern(p, "train.start_only", s->train.start_only[i]))
            return -1;
    if (keras_params_open(path, &m))
        return fail_while("train.start_from");
    bool *chosen = allocate(p->count + 1, sizeof *chosen);
    int result = chosen ? take(p, s, &m, path, chosen) : -1;
    free(chosen);
    model_close(&m);
    return result;
}

int start_values(params *p, const settings *s)
{
    if (params_initialize(p, (uint64_t)s->train.seed))
        return -1;
    return *s->train.start_from ? take_model(p, s) : 0;
}
