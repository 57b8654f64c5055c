#include "models/freezing.h"

#include "base/error.h"
#include "base/guess.h"
#include "config/family.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The epoch of the first cycle that is as this one. */
static long in_cycle(const settings *s, long epoch)
{
    return s->freezing.every ? (epoch - 1) % s->freezing.every + 1 : epoch;
}

/* ---- Rules ---- */

typedef int rule(params *p, const char *pattern);

static int apply_patterns(params *p, rule *apply, const char *list)
{
    for (pattern next = {""}; family_next_pattern(&list, &next);)
        if (apply(p, next.text))
            return -1;
    return 0;
}

static int apply_rates(params *p, const struct freezing_config *f)
{
    for (int i = 0; i < f->rate_count; i++)
        if (params_scale_rate(p, family_name(f->rates[i]).text,
                              strtod(family_value(f->rates[i]), NULL)))
            return -1;
    return 0;
}

static int apply_rules(params *p, const settings *s, long epoch)
{
    const struct freezing_config *f = &s->freezing;
    long last = in_cycle(s, epoch);
    int frozen = 0, freed = 0;
    for (int i = 0; i < s->train.freeze_count; i++)
        if (params_freeze(p, s->train.freeze[i]))
            return -1;
    for (;;) { /* by epochs; of one epoch, [freeze] first */
        long freeze = frozen < f->freeze_count ? family_epoch(f->freeze[frozen]) : LONG_MAX,
             unfreeze = freed < f->unfreeze_count ? family_epoch(f->unfreeze[freed]) : LONG_MAX;
        bool freezes = freeze <= unfreeze;
        if ((freezes ? freeze : unfreeze) > last)
            return apply_rates(p, f);
        if (apply_patterns(p, freezes ? params_freeze : params_unfreeze,
                           family_value(freezes ? f->freeze[frozen++] : f->unfreeze[freed++])))
            return -1;
    }
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

/* The nearest epoch that the settings name, from `epoch` on or, if not ahead, up to it; 0: none. */
static long named_epoch(const struct freezing_config *f, long epoch, bool ahead)
{
    long nearest = 0;
    for (int i = 0; i < f->freeze_count + f->unfreeze_count; i++) {
        long named =
            family_epoch(i < f->freeze_count ? f->freeze[i] : f->unfreeze[i - f->freeze_count]);
        bool fits = ahead ? named >= epoch : named <= epoch;
        if (fits && (!nearest || (ahead ? named < nearest : named > nearest)))
            nearest = named;
    }
    return nearest;
}

long freezing_next(const settings *s, long epoch)
{
    return named_epoch(&s->freezing, epoch + 1, true);
}

long freezing_since(const settings *s, long epoch)
{
    const struct freezing_config *f = &s->freezing;
    long now = in_cycle(s, epoch), named = named_epoch(f, now, false);
    if (!freezing_next(s, 1)) /* what never changes after epoch 1 has been so from the start */
        return 1;
    return epoch - now + (named ? named : 1);
}

int freezing_is_same(const settings *s, const params *p, long epoch, bool *same)
{
    params *then;
    *same = true;
    if (freezing_params(&then, NULL, s, epoch))
        return -1;
    for (size_t i = 0; i < p->count; i++)
        *same &=
            p->items[i]->fixed || params_freezes(then, p->items[i]->name) == p->items[i]->frozen;
    params_free(then);
    return 0;
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

/* Offers the name and the part before each slash, with and without a number at the end. */
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
    return fail(
        STATUS_USAGE, "%s: no parameter name matches %s%s", key, pattern,
        *g.hint
            ? g.hint
            : " (`unblend info` lists the layers; names are LAYER/kernel, LAYER/bias and so on)");
}

static int check_family(const params *p, const char *section, char *const texts[], int count)
{
    for (int i = 0; i < count; i++) {
        char key[64];
        const char *rest = family_value(texts[i]);
        snprintf(key, sizeof key, "%s.%ld", section, family_epoch(texts[i]));
        for (pattern next = {""}; family_next_pattern(&rest, &next);)
            if (freezing_check_pattern(p, key, next.text))
                return -1;
    }
    return 0;
}

static int check_rates(const params *p, const struct freezing_config *f)
{
    for (int i = 0; i < f->rate_count; i++)
        if (freezing_check_pattern(p, "[rate]", family_name(f->rates[i]).text))
            return -1;
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
    for (long epoch = 1; epoch; epoch = freezing_next(s, epoch))
        if (!freezing_trainable(s, p, epoch))
            return fail(STATUS_USAGE,
                        "train.freeze and [freeze]: in epoch %ld all parameters are frozen, so "
                        "nothing is trained",
                        epoch);
    return 0;
}
