#include "models/freezing.h"

#include "base/error.h"
#include "base/guess.h"
#include "config/family.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long period(const struct freezing_config *f)
{
    return f->freeze_every ? f->freeze_every : f->unfreeze_every;
}

long freezing_period(const settings *s)
{
    return period(&s->freezing);
}

/* The epoch of the first cycle that is as this one. */
static long in_cycle(const struct freezing_config *f, long epoch)
{
    return period(f) ? (epoch - 1) % period(f) + 1 : epoch;
}

/* ---- Rules ---- */

typedef int rule(params *p, const char *pattern);

static int apply_patterns(params *p, rule *apply, const char *list)
{
    for (pattern next; family_next_pattern(&list, &next);)
        if (apply(p, next.text))
            return -1;
    return 0;
}

/* Those of [freeze] or [unfreeze] that are of one epoch. */
static int apply_epoch(params *p, rule *apply, char *const texts[], int count, long epoch)
{
    for (int i = 0; i < count; i++)
        if (family_epoch(texts[i]) == epoch && apply_patterns(p, apply, family_value(texts[i])))
            return -1;
    return 0;
}

static int apply_rates(params *p, const struct freezing_config *f)
{
    for (int i = 0; i < f->rate_count; i++) {
        const char *value = family_value(f->rates[i]);
        char name[PATTERN_LIMIT + 1];
        snprintf(name, sizeof name, "%.*s", (int)(value - 1 - f->rates[i]), f->rates[i]);
        if (params_scale_rate(p, name, strtod(value, NULL)))
            return -1;
    }
    return 0;
}

static int apply_rules(params *p, const settings *s, long epoch)
{
    const struct freezing_config *f = &s->freezing;
    long last = in_cycle(f, epoch);
    if (last > freezing_last_change(s))
        last = freezing_last_change(s);
    for (int i = 0; i < s->train.freeze_count; i++)
        if (params_freeze(p, s->train.freeze[i]))
            return -1;
    for (long now = 1; now <= last; now++)
        if (apply_epoch(p, params_freeze, f->freeze, f->freeze_count, now) ||
            apply_epoch(p, params_unfreeze, f->unfreeze, f->unfreeze_count, now))
            return -1;
    return apply_rates(p, f);
}

int freezing_params(params **out, device *d, const settings *s, long epoch)
{
    if (params_new(out, d))
        return -1;
    if (!apply_rules(*out, s, epoch))
        return 0;
    params_free(*out);
    *out = NULL;
    return -1;
}

/* ---- Epochs ---- */

static bool has_epoch(char *const texts[], int count, long epoch)
{
    for (int i = 0; i < count; i++)
        if (family_epoch(texts[i]) == epoch)
            return true;
    return false;
}

static bool is_named(const struct freezing_config *f, long epoch)
{
    return has_epoch(f->freeze, f->freeze_count, epoch) ||
           has_epoch(f->unfreeze, f->unfreeze_count, epoch);
}

bool freezing_changes(const settings *s, long epoch)
{
    const struct freezing_config *f = &s->freezing;
    bool begins_anew =
        period(f) && epoch > 1 && in_cycle(f, epoch) == 1 && freezing_last_change(s) > 1;
    return begins_anew || is_named(f, in_cycle(f, epoch));
}

long freezing_since(const settings *s, long epoch)
{
    while (epoch > 1 && !freezing_changes(s, epoch))
        epoch--;
    return epoch;
}

long freezing_last_change(const settings *s)
{
    const struct freezing_config *f = &s->freezing;
    long last = 1;
    if (f->freeze_count)
        last = family_epoch(f->freeze[f->freeze_count - 1]);
    if (f->unfreeze_count && family_epoch(f->unfreeze[f->unfreeze_count - 1]) > last)
        last = family_epoch(f->unfreeze[f->unfreeze_count - 1]);
    return last;
}

size_t freezing_trainable(const settings *s, const params *p, long epoch)
{
    params *then;
    size_t trainable = 0;
    if (freezing_params(&then, NULL, s, epoch))
        return 0;
    for (size_t i = 0; i < p->count; i++)
        if (params_would_train(then, p->items[i]))
            trainable += p->items[i]->count;
    params_free(then);
    return trainable;
}

/* ---- Mistakes ---- */

/* Offers the name and what stands before each of its slashes, with and without a number at the end. */
static void offer_parts(guess *g, const char *name)
{
    char part[PATTERN_LIMIT + 1], shown[PATTERN_LIMIT + 2];
    for (const char *end = name; *end; end++) {
        end += strcspn(end + 1, "/") + 1;
        int length = (int)(end - name);
        snprintf(part, sizeof part, "%.*s", length, name);
        snprintf(shown, sizeof shown, *end ? "%s*" : "%s", part);
        guess_offer(g, part, shown);
        while (length && part[length - 1] >= '0' && part[length - 1] <= '9')
            part[--length] = '\0';
        snprintf(shown, sizeof shown, "%s*", part);
        guess_offer(g, part, shown);
        if (!*end)
            break;
    }
}

int freezing_check_pattern(const params *p, const char *key, const char *pattern)
{
    char typed[PATTERN_LIMIT + 1];
    if (params_matching(p, pattern))
        return 0;
    snprintf(typed, sizeof typed, "%s", pattern);
    size_t length = strcspn(typed, "*?[");
    while (length && typed[length - 1] == '/')
        length--;
    typed[length] = '\0';
    guess g = guess_of(typed);
    for (size_t i = 0; i < p->count; i++)
        offer_parts(&g, p->items[i]->name);
    return fail(STATUS_USAGE, "%s: no parameter of the network is called %s%s", key, pattern,
                *g.hint ? g.hint : " (`unblend info` lists the layers that they belong to)");
}

static int check_family(const params *p, const char *section, char *const texts[], int count)
{
    for (int i = 0; i < count; i++) {
        char key[64];
        const char *rest = family_value(texts[i]);
        snprintf(key, sizeof key, "%s.%ld", section, family_epoch(texts[i]));
        for (pattern next; family_next_pattern(&rest, &next);)
            if (freezing_check_pattern(p, key, next.text))
                return -1;
    }
    return 0;
}

static int check_rates(const params *p, const struct freezing_config *f)
{
    for (int i = 0; i < f->rate_count; i++) {
        char name[PATTERN_LIMIT + 1];
        snprintf(name, sizeof name, "%.*s", (int)(family_value(f->rates[i]) - 1 - f->rates[i]),
                 f->rates[i]);
        if (freezing_check_pattern(p, "[rate]", name))
            return -1;
    }
    return 0;
}

int freezing_check(const settings *s, const params *p)
{
    const struct freezing_config *f = &s->freezing;
    for (int i = 0; i < s->train.freeze_count; i++)
        if (freezing_check_pattern(p, "train.freeze", s->train.freeze[i]))
            return -1;
    if (check_family(p, "freeze", f->freeze, f->freeze_count) ||
        check_family(p, "unfreeze", f->unfreeze, f->unfreeze_count) || check_rates(p, f))
        return -1;
    for (long epoch = 1; epoch <= freezing_last_change(s); epoch++)
        if ((epoch == 1 || freezing_changes(s, epoch)) && !freezing_trainable(s, p, epoch))
            return fail(STATUS_USAGE,
                        "from epoch %ld on all parameters are frozen: there is nothing to train",
                        epoch);
    return 0;
}
