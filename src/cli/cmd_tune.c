/* unblend tune [MODEL|CONFIG]: finds the fastest sizes of a device's kernels and keeps them as its
 * profile. */
#include "base/error.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "compute/profile.h"
#include "models/open_device.h"
#include "tune/tuner.h"
#include <stdlib.h>

/* ---- What is printed ---- */

static void print_value(const tuner_choice *c, const tuner_trial *t)
{
    bool set = section_is_set(c->what->section);
    int value = t->candidate < 0 ? c->before : c->what->candidates[t->candidate];
    if (set && t->candidate < 0)
        fputs("CLBlast's own", stdout);
    else if (set)
        printf("set %d", t->candidate + 1);
    else if (value)
        printf("%d", value);
    else
        fputs("off", stdout);
}

/* "tile   8: 61.02 ms, 4: 70.11 (+15.0 %), 12: skipped (wrong results) -> 8": a percentage compares
 * with what was best so far, timed in the same rounds. */
static void print_choice(const tuner_choice *c)
{
    bool set = section_is_set(c->what->section);
    printf("%-18s", set ? tuning_sections[c->what->section] : c->what->name);
    for (int i = 0; i < c->trial_count; i++) {
        const tuner_trial *t = &c->trials[i];
        fputs(i ? ", " : "  ", stdout);
        print_value(c, t);
        if (t->skipped)
            printf(": skipped (%s)", t->skipped);
        else if (t->ratio > 0)
            printf(": %.2f (%+.1f %%)", t->seconds * 1e3, (t->ratio - 1) * 100);
        else
            printf(": %.2f ms", t->seconds * 1e3);
    }
    fputs(" -> ", stdout);
    print_value(c, &c->trials[c->chosen]);
    putchar('\n');
    fflush(stdout);
}

static void print_result(const tuner_report *r, const char *path)
{
    if (r->defaults_stay)
        printf("a step: %.2f ms; nothing is faster than the defaults\n", r->before * 1e3);
    else
        printf("a step: %.2f ms with the defaults, %.2f ms tuned (%+.1f %%)%s\n", r->before * 1e3,
               r->after * 1e3, (r->after / r->before - 1) * 100,
               r->side_by_side ? "" : ", not timed side by side");
    printf("written: %s\n", path);
}

/* ---- What is tuned for ---- */

typedef struct subjects {
    model_file given;
    settings *derived[TUNER_MODELS_MAX];
    const settings *list[TUNER_MODELS_MAX];
    int count;
} subjects;

/* The argument, or both architectures. */
static int open_subjects(const options *given, subjects *out)
{
    static const char *const architectures[TUNER_MODELS_MAX] = {
        "model.architecture=unet", "model.architecture=unet-transformer"};
    *out = (subjects){0};
    if (subject_open(given, &out->given))
        return -1;
    if (given->argument_count) {
        out->list[out->count++] = out->given.settings;
        return 0;
    }
    for (; out->count < TUNER_MODELS_MAX; out->count++) {
        settings **derived = &out->derived[out->count];
        if (settings_derive(derived, out->given.settings, &architectures[out->count], 1))
            return -1;
        out->list[out->count] = *derived;
    }
    return 0;
}

static void close_subjects(subjects *s)
{
    for (int i = 0; i < TUNER_MODELS_MAX; i++)
        settings_free(s->derived[i]);
    model_close(&s->given);
}

/* ---- The command ---- */

/* What an earlier profile holds for the other kernel family stays. */
static void keep_other_family(const device *d, const char *path, tuning *t)
{
    tuning earlier;
    if (profile_read(path, &d->info, &earlier)) {
        error_clear();
        return;
    }
    for (int s = 0; s < TUNING_SECTIONS; s++)
        if ((s == SECTION_VECTOR) != (d->kernels == KERNELS_VECTOR))
            tuning_copy(t, &earlier, s);
}

static int tune(device *d, const subjects *s, bool quick)
{
    tuner_report r = {0};
    char *path = profile_path(&d->info);
    int result = path ? profile_prepare(path) : -1;
    if (!result) {
        printf("device: %s, driver %s, %s kernels; defaults: %s\n", d->info.name, d->info.driver,
               kernel_family_name(d->kernels), device_class(&d->info)->name);
        fflush(stdout);
        result = tuner_run(&r, d, s->list, s->count, quick, print_choice);
    }
    if (!result) {
        keep_other_family(d, path, &r.best);
        result = profile_write(path, &d->info, &r.best);
    }
    if (!result)
        print_result(&r, path);
    free(path);
    return result;
}

int command_tune(const options *given)
{
    subjects s;
    device *d = NULL;
    int result = open_subjects(given, &s) || open_device_untuned(&d, &s.list[0]->device) ? -1 : 0;
    if (!result)
        result = tune(d, &s, given->quick);
    device_close(d);
    close_subjects(&s);
    return result;
}
