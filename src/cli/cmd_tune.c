/* unblend tune [MODEL|CONFIG]: finds the fastest sizes of a device's kernels and keeps them as its
 * profile. */
#include "base/error.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/subject.h"
#include "compute/open_device.h"
#include "compute/profile.h"
#include "models/network.h"
#include "tune/tuner.h"
#include <stdlib.h>

/* ---- What is printed ---- */

static void print_value(int value)
{
    if (value)
        printf("%d", value);
    else
        fputs("off", stdout);
}

/* "tile   8: 61.02 ms, 4: 70.11 (+15.0 %), 12: skipped (wrong results) -> 8": a percentage compares
 * with what was best so far, timed in the same rounds. */
static void print_choice(const tuner_choice *c)
{
    printf("%-18s", c->what->name);
    for (int i = 0; i < c->trial_count; i++) {
        const tuner_trial *t = &c->trials[i];
        fputs(i ? ", " : "  ", stdout);
        print_value(t->value);
        if (t->skipped)
            printf(": skipped (%s)", t->skipped);
        else if (t->ratio > 0)
            printf(": %.2f (%+.1f %%)", t->seconds * 1e3, (t->ratio - 1) * 100);
        else
            printf(": %.2f ms", t->seconds * 1e3);
    }
    fputs(" -> ", stdout);
    print_value(c->trials[c->chosen].value);
    putchar('\n');
    fflush(stdout);
}

static void print_result(const tuner_report *r, const char *path)
{
    if (r->defaults_stay)
        printf("a step: %.2f ms; nothing is faster than the defaults\n", r->before * 1e3);
    else
        printf("a step: %.2f ms with the defaults, %.2f ms tuned (%+.1f %%)\n", r->before * 1e3,
               r->after * 1e3, (r->after / r->before - 1) * 100);
    printf("written: %s\n", path);
}

/* ---- What is tuned for ---- */

/* The model or config of the argument, or every architecture by its defaults. */
typedef struct subjects {
    model_file given;
    settings **derived; /* one for each architecture; NULL with an argument */
    int count;
} subjects;

static int derive_each(subjects *s)
{
    size_t architectures = 0;
    while (network_architecture(architectures))
        architectures++;
    if (!(s->derived = allocate(architectures, sizeof(settings *))))
        return -1;
    for (; s->count < (int)architectures; s->count++) {
        char *choice = format_text("model.architecture=%s", network_architecture((size_t)s->count));
        const char *const overrides[] = {choice};
        int result =
            choice ? settings_derive(&s->derived[s->count], s->given.settings, overrides, 1, true)
                   : -1;
        free(choice);
        if (result)
            return -1;
    }
    return 0;
}

static int open_subjects(const options *given, subjects *out)
{
    *out = (subjects){0};
    if (subject_open(given, 0, &out->given))
        return -1;
    if (!given->argument_count)
        return derive_each(out);
    out->count = 1;
    return 0;
}

static const settings *const *list_subjects(const subjects *s)
{
    return (const settings *const *)(s->derived ? s->derived : &s->given.settings);
}

static void close_subjects(subjects *s)
{
    for (int i = 0; s->derived && i < s->count; i++)
        settings_free(s->derived[i]);
    free(s->derived);
    model_close(&s->given);
}

/* ---- The command ---- */

/* What an earlier profile holds beside what was tuned stays: the other kernel family's sizes, and what
 * CLBlast's own tuners have found. */
static void keep_the_rest(const device *d, const char *path, tuning *t)
{
    tuning earlier;
    if (profile_read(path, &d->info, &earlier)) {
        error_clear();
        return;
    }
    for (int s = 0; s < TUNING_SECTIONS; s++)
        if (s != (int)tuner_section(d))
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
        result = tuner_run(&r, d, list_subjects(s), s->count, quick, print_choice);
    }
    if (!result) {
        keep_the_rest(d, path, &r.best);
        result = profile_write(path, &d->info, &r.best);
    }
    if (!result)
        print_result(&r, path);
    free(path);
    return result;
}

static int run_tune(const options *given)
{
    subjects s;
    device *d = NULL;
    int result = -1;
    if (!open_subjects(given, &s) && !open_device_untuned(&d, &s.given.settings->device))
        result = tune(d, &s, given->quick);
    device_close(d);
    close_subjects(&s);
    return result;
}

const command tune_command = {
    .name = "tune",
    .summary = "Find the sizes with which a device's kernels are fastest",
    .arguments = "[MODEL|CONFIG]",
    .description =
        "Tries sizes of the kernels, one after another, and keeps what makes a training\n"
        "step of the model or config faster by more than 2 % (by default the steps of all\n"
        "architectures together). A size counts only if the results are those of the\n"
        "defaults. Takes minutes; do nothing else with the device meanwhile.\n"
        "\n"
        "The result is the device's profile, an INI file in ~/.config/unblend/profiles\n"
        "(or as $XDG_CONFIG_HOME or $UNBLEND_PROFILE_DIR say). Commands use it until\n"
        "the driver or unblend's kernels change. Without a profile there are defaults for\n"
        "each class of device; `unblend devices` says what is used.\n"
        "CLBlast's own tuners find its parameters, which [xgemm] and [xgemm_direct] of a\n"
        "profile can hold.\n",
    .examples = "  unblend tune\n"
                "  unblend tune configs/unet.ini --batch 64 --device 1\n",
    .options = OPTIONS_COMPUTE | OPTION_SET | OPTION_TRAIN_BATCH | OPTION_QUICK,
    .most = 1,
    .run = run_tune,
};
