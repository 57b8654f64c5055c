#include "config/building.h"

#include "base/error.h"
#include "base/files.h"
#include "base/ini.h"
#include "config/family.h"
#include "config/keys.h"
#include <stdio.h>
#include <string.h>

static void say_place(char where[INI_WHERE_SIZE], const building *b, const place *from)
{
    if (from->overridden)
        snprintf(where, INI_WHERE_SIZE, "--set");
    else if (from->line)
        ini_where(where, b->origin, from->line);
    else
        snprintf(where, INI_WHERE_SIZE, "%.400s", b->origin);
}

/* name: of the key that is at fault. */
static int blame(const building *b, const char *name, const char *what)
{
    char where[INI_WHERE_SIZE];
    say_place(where, b, &b->places[key_find(name) - keys]);
    return fail(STATUS_USAGE, "%s: %s", where, what);
}

static int count_stages(building *b)
{
    char where[INI_WHERE_SIZE];
    for (int i = 1; i < STAGES_MAX; i++) {
        if (!b->stages[i].line && !b->stages[i].overridden)
            continue;
        if (i > b->s->stage_count) {
            say_place(where, b, &b->stages[i]);
            return fail(STATUS_USAGE, "%s: there is a [stage.%d], but no [stage.%d]", where, i + 1,
                        i);
        }
        if (i == b->s->stage_count)
            b->s->stage_count++;
    }
    return 0;
}

/* The last part of the directory, as far as a name can hold it. */
static void name_after(const char *directory, int number, char name[SOURCE_NAME_MAX + 1])
{
    size_t count, length = 0;
    const char *part = path_last_part(directory, &count);
    for (size_t i = 0; i < count && length < SOURCE_NAME_MAX; i++) {
        char c = part[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        bool safe = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (safe || length)
            name[length++] = safe ? c : '-';
    }
    name[length] = '\0';
    if (!length)
        snprintf(name, SOURCE_NAME_MAX + 1, "source%d", number);
}

static void derive_names(struct data_config *data)
{
    bool usual = data->mixture.sources == 2 && !strcmp(data->directories[0], "mnist") &&
                 !strcmp(data->directories[1], "fashion-mnist");
    data->name_count = data->mixture.sources;
    for (int i = 0; i < data->mixture.sources; i++)
        name_after(data->directories[i], i + 1, data->mixture.names[i]);
    if (usual)
        snprintf(data->mixture.names[1], sizeof data->mixture.names[1], "fashion");
}

/* Of a list with an item for each source. items: what they are called. */
static int check_count(const building *b, const char *key, const char *items, int count)
{
    char what[160];
    int sources = b->s->data.mixture.sources;
    if (count == sources)
        return 0;
    snprintf(what, sizeof what, "%s has %d %s for the %d sources of data.sources", key, count,
             items, sources);
    return blame(b, key, what);
}

static int check_names(const building *b)
{
    const struct data_config *data = &b->s->data;
    const mixture *m = &data->mixture;
    char what[160];
    if (check_count(b, "data.names", "names", data->name_count))
        return -1;
    for (int i = 0; i < m->sources; i++)
        for (int k = 0; k < i; k++) {
            if (strcmp(m->names[i], m->names[k]))
                continue;
            snprintf(what, sizeof what,
                     "data.names: two sources are both %s; give them different names", m->names[i]);
            return blame(b, data->names_given ? "data.names" : "data.sources", what);
        }
    return 0;
}

static int check_counts(const building *b)
{
    int flips = b->s->data.flip_count, rotations = b->s->data.rotate_count;
    return check_count(b, "train.source_weights", "weights", b->s->train.weight_count) ||
                   (flips && check_count(b, "data.flip", "items", flips)) ||
                   (rotations && check_count(b, "data.rotate", "items", rotations))
               ? -1
               : 0;
}

/* The batch doubles to batch_last. */
static int check_batch_last(const building *b)
{
    char what[160];
    long batch = b->s->train.batch, last = b->s->train.batch_last;
    if (!last)
        return 0;
    while (batch < last)
        batch *= 2;
    if (batch == last)
        return 0;
    snprintf(what, sizeof what,
             "train.batch_last = %ld is not train.batch = %d doubled once or more", last,
             b->s->train.batch);
    return blame(b, "train.batch_last", what);
}

/* Fills the mixture's weights. */
static int check_weights(const building *b)
{
    struct data_config *d = &b->s->data;
    const struct mix_config *mix = &d->mix;
    double sum = 0;
    char what[160];
    memset(d->mixture.weights, 0, sizeof d->mixture.weights);
    if (!mix->weight_count)
        return 0;
    if (check_count(b, "mix.weights", "weights", mix->weight_count))
        return -1;
    if (mix->kind == MIX_SCREEN || mix->kind == MIX_MULTIPLY)
        return blame(b, "mix.weights", "mix.weights: screen and multiply have no weights");
    for (int k = 0; k < mix->weight_count; k++) {
        sum += mix->weights[k];
        d->mixture.weights[k] = (float)mix->weights[k];
    }
    if (sum > 1 - 1e-6 && sum < 1 + 1e-6)
        return 0;
    snprintf(what, sizeof what, "mix.weights add up to %.6g; they must add up to 1", sum);
    return blame(b, "mix.weights", what);
}

/* What a consistent output assumes: that the blend is the average of all sources, with known weights. */
static int check_consistent(const building *b)
{
    const struct mix_config *mix = &b->s->data.mix;
    if (mix->kind == MIX_SCREEN || mix->kind == MIX_MULTIPLY || mix_draws_weights(mix))
        return blame(
            b, "mix.kind",
            "mix.kind: consistent outputs need a blend with fixed weights; set consistent = "
            "false, or mix.kind = average");
    if (mix->gamma != 1)
        return blame(b, "mix.gamma",
                     "mix.gamma: consistent outputs need a blend of the values as they are; set "
                     "consistent = false, or mix.gamma = 1");
    return mix->clean > 0
               ? blame(b, "mix.clean",
                       "mix.clean: consistent outputs always blend to the input, so they cannot be "
                       "a single "
                       "source; set consistent = false, or mix.clean = 0")
               : 0;
}

/* A source must be in a blend to be found in it. */
static int check_range(const building *b)
{
    const struct mix_config *mix = &b->s->data.mix;
    bool never = mix->weight.high <= 0, alone = mix->weight.low >= 1;
    return mix_draws_weights(mix) && (never || (alone && b->s->data.mixture.sources == 2))
               ? blame(b, "mix.weight",
                       "mix.weight: a source would be in no blend; give it a range "
                       "between 0 and 1, such as 0.3 .. 0.7")
               : 0;
}

static int check_mix(const building *b)
{
    int stage = 0;
    if (check_weights(b) || check_range(b))
        return -1;
    while (stage < b->s->stage_count && !b->s->stages[stage].consistent)
        stage++;
    return stage < b->s->stage_count ? check_consistent(b) : 0;
}

/* Settings that were written have weights, of 1 where none were given. */
static int check_objective(const building *b)
{
    const struct train_config *t = &b->s->train;
    bool differ = false;
    for (int k = 1; k < t->weight_count; k++)
        differ |= t->source_weights[k] != t->source_weights[0];
    return t->objective == OBJECTIVE_PERMUTATION && differ
               ? blame(b, "train.source_weights",
                       "train.source_weights: with objective = permutation any output may be any "
                       "source, so they cannot count differently")
               : 0;
}

/* That [freeze] or [unfreeze] has no epoch that the training does not come to. */
static int check_epochs(const building *b, const char *section, char *const texts[], int count)
{
    char key[32], what[160];
    const struct train_config *train = &b->s->train;
    int every = b->s->freezing.every;
    long last = count ? family_epoch(texts[count - 1]) : 0;
    bool late = train->minutes <= 0 && last > train->epochs;
    if (!late && (!every || last <= every))
        return 0;
    snprintf(key, sizeof key, "%s.*", section);
    if (late)
        snprintf(what, sizeof what, "%s.%ld is never reached: train.epochs is %d", section, last,
                 train->epochs);
    else
        snprintf(what, sizeof what,
                 "%s.%ld is never reached: the schedule restarts every %d epochs", section, last,
                 every);
    return blame(b, key, what);
}

static int check_patterns(const building *b, const char *name, char *const patterns[], int count)
{
    char what[160];
    for (int i = 0; i < count; i++)
        if (!pattern_is_valid(patterns[i])) {
            snprintf(what, sizeof what, "%s: %.60s is not a valid pattern of parameter names", name,
                     patterns[i]);
            return blame(b, name, what);
        }
    return 0;
}

/* trained: maybe for fewer epochs than there are in a schedule of freezing. */
static int check_parts(const building *b, bool trained)
{
    const struct freezing_config *f = &b->s->freezing;
    const struct train_config *t = &b->s->train;
    if (t->start_only_count && !*t->start_from)
        return blame(b, "train.start_only", "train.start_only needs train.start_from");
    if (check_patterns(b, "train.freeze", t->freeze, t->freeze_count) ||
        check_patterns(b, "train.start_only", t->start_only, t->start_only_count))
        return -1;
    return !trained && (check_epochs(b, "freeze", f->freeze, f->freeze_count) ||
                        check_epochs(b, "unfreeze", f->unfreeze, f->unfreeze_count))
               ? -1
               : 0;
}

int building_complete(building *b, bool trained)
{
    struct data_config *data = &b->s->data;
    struct train_config *train = &b->s->train;
    data->names_given = data->name_count > 0;
    train->weights_given = train->weight_count > 0;
    if (!data->names_given)
        derive_names(data);
    while (!train->weights_given && train->weight_count < data->mixture.sources)
        train->source_weights[train->weight_count++] = 1;
    return count_stages(b) || check_names(b) || check_counts(b) || check_batch_last(b) ||
                   check_mix(b) || check_objective(b) || check_parts(b, trained)
               ? -1
               : 0;
}

void building_reopen(settings *s)
{
    if (!s->data.names_given)
        s->data.name_count = 0;
    if (!s->train.weights_given)
        s->train.weight_count = 0;
}
