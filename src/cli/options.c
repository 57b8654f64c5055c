#include "cli/options.h"

#include "base/error.h"
#include "base/files.h"
#include "base/guess.h"
#include "base/memory.h"
#include "base/number.h"
#include "cli/cli.h"
#include "convert/keras.h"
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
    const char *name;
    char letter;   /* the short form, or 0 */
    unsigned flag; /* enum option_flag; 0: every command accepts it */
    enum { SWITCH, TEXT, CHOICE, WHOLE, LIST } kind;
    size_t
        field; /* where in struct options: bool, const char * (TEXT, CHOICE), long; a LIST is sets */
    const char *value;       /* what help calls the value; of a CHOICE all values: "A|B" */
    long initial, low, high; /* WHOLE; an initial below zero: not given */
    const char *help;        /* one line */
} row;

#define FIELD(name) offsetof(options, name)
static const row table[] = {
    {.name = "platform",
     .flag = OPTION_PLATFORM,
     .kind = TEXT,
     .field = FIELD(platform),
     .value = "P",
     .help = "OpenCL platform: index or part of its name"},
    {.name = "device",
     .flag = OPTION_DEVICE,
     .kind = TEXT,
     .field = FIELD(device),
     .value = "D",
     .help = "OpenCL device: index or part of its name"},
    {.name = "run",
     .flag = OPTION_RUN,
     .kind = TEXT,
     .field = FIELD(run),
     .value = "DIR",
     .help = "directory for checkpoints, history and the model"},
    {.name = "resume",
     .flag = OPTION_RESUME,
     .kind = TEXT,
     .field = FIELD(resume),
     .value = "RUN",
     .help = "resume a run from its last checkpoint"},
    {.name = "set",
     .flag = OPTION_SET,
     .kind = LIST,
     .field = FIELD(sets),
     .value = "KEY=VALUE",
     .help = "override a key of the config; may be repeated"},
    {.name = "from",
     .flag = OPTION_FROM,
     .kind = TEXT,
     .field = FIELD(from),
     .value = "PROGRAM",
     .help = "which program saved the model: keras (default) or pytorch"},
    {.name = "data",
     .flag = OPTION_DATA,
     .kind = TEXT,
     .field = FIELD(data),
     .value = "DIR",
     .help = "directory that holds the data sets"},
    {.name = "config",
     .flag = OPTION_CONFIG,
     .kind = TEXT,
     .field = FIELD(config),
     .value = "FILE",
     .help = "config file"},
    {.name = "trials",
     .flag = OPTION_TRIALS,
     .kind = WHOLE,
     .field = FIELD(trials),
     .value = "N",
     .initial = -1,
     .low = 1,
     .high = TRIALS_LIMIT,
     .help = "trials at most (default: the space's search.trials)"},
    {.name = "train-best",
     .flag = OPTION_TRAIN_BEST,
     .kind = SWITCH,
     .field = FIELD(train_best),
     .help = "then train the best trial's config"},
    {.name = "count",
     .flag = OPTION_COUNT,
     .kind = WHOLE,
     .field = FIELD(count),
     .value = "N",
     .initial = 10,
     .low = 1,
     .high = 100000,
     .help = "how many blends"},
    {.name = "batch",
     .flag = OPTION_BATCH,
     .kind = WHOLE,
     .field = FIELD(batch),
     .value = "N",
     .initial = 32,
     .low = 1,
     .high = 4096,
     .help = "images computed at a time"},
    {.name = "batch",
     .flag = OPTION_TRAIN_BATCH,
     .kind = WHOLE,
     .field = FIELD(train_batch),
     .value = "N",
     .initial = -1,
     .low = 1,
     .high = 4096,
     .help = "blends in one step (default: the config's train.batch)"},
    {.name = "runs",
     .flag = OPTION_RUNS,
     .kind = WHOLE,
     .field = FIELD(runs),
     .value = "N",
     .initial = 10,
     .low = 1,
     .high = 1000,
     .help = "repetitions, each with fresh blends"},
    {.name = "samples",
     .flag = OPTION_SAMPLES,
     .kind = WHOLE,
     .field = FIELD(samples),
     .value = "N",
     .initial = 5000,
     .low = 1,
     .high = 1000000,
     .help = "random blends in each repetition"},
    {.name = "seed",
     .flag = OPTION_SEED,
     .kind = WHOLE,
     .field = FIELD(seed),
     .value = "N",
     .initial = -1,
     .low = 0,
     .high = 2147483647,
     .help = "seed of random numbers (default: the config's, else 1)"},
    {.name = "force",
     .flag = OPTION_FORCE,
     .kind = SWITCH,
     .field = FIELD(force),
     .help = "write over a file, or into a directory that is not empty"},
    {.name = "strict",
     .flag = OPTION_STRICT,
     .kind = SWITCH,
     .field = FIELD(strict),
     .help = "stop at the first image that fails"},
    {.name = "quick",
     .flag = OPTION_QUICK,
     .kind = SWITCH,
     .field = FIELD(quick),
     .help = "try fewer values, and time them less often"},
    {.name = "held-out",
     .flag = OPTION_HELD_OUT,
     .kind = SWITCH,
     .field = FIELD(held_out),
     .help = "blend the training images that were held out for validation"},
    {.name = "clean",
     .flag = OPTION_CLEAN,
     .kind = SWITCH,
     .field = FIELD(clean),
     .help = "take pictures with nothing blended in: do they come back as they are?"},
    {.name = "project",
     .flag = OPTION_PROJECT,
     .kind = SWITCH,
     .field = FIELD(project),
     .help = "first make the outputs blend to the mixture, within 0..1"},
    {.name = "colour",
     .flag = OPTIONS_PICTURES,
     .kind = CHOICE,
     .field = FIELD(colour),
     .value = "gray|channels",
     .help = "colour pictures in a gray model: as gray (default), or each channel"},
    {.name = "depth",
     .flag = OPTIONS_PICTURES,
     .kind = CHOICE,
     .field = FIELD(depth),
     .value = "8|16",
     .help = "bits of a sample in the results (default: as the picture has)"},
    {.name = "residual",
     .flag = OPTIONS_PICTURES,
     .kind = SWITCH,
     .field = FIELD(residual),
     .help = "also write what the sources do not explain"},
    {.name = "gallery",
     .flag = OPTIONS_PICTURES,
     .kind = SWITCH,
     .field = FIELD(gallery),
     .help = "also write a page to look at the results"},
    {.name = "truth",
     .flag = OPTIONS_PICTURES,
     .kind = TEXT,
     .field = FIELD(truth),
     .value = "DIR",
     .help = "compare with the sources in DIR, named as `mix` names them"},
    {.name = "memory",
     .flag = OPTIONS_PICTURES,
     .kind = WHOLE,
     .field = FIELD(memory),
     .value = "MIB",
     .initial = -1,
     .low = 1,
     .high = 1 << 22,
     .help = "device memory to use (default: 1024, or half of what there is)"},
    {.name = "json",
     .flag = OPTION_JSON,
     .kind = SWITCH,
     .field = FIELD(json),
     .help = "print the result as JSON"},
    {.name = "quiet",
     .letter = 'q',
     .kind = SWITCH,
     .field = FIELD(quiet),
     .help = "no progress, only warnings and errors"},
    {.name = "verbose",
     .letter = 'v',
     .kind = SWITCH,
     .field = FIELD(verbose),
     .help = "say more about what happens"},
    {.name = "help",
     .letter = 'h',
     .kind = SWITCH,
     .field = FIELD(help),
     .help = "print this help"},
};
enum { ROWS = sizeof table / sizeof table[0], FIRST_VALUE = 256 };

static bool accepts(unsigned accepted, const row *option)
{
    return !option->flag || (accepted & option->flag);
}

static int usage_error(const command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int usage_error(const command *c, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fail(STATUS_USAGE, "%s: %s (see `unblend %s --help`)", c->name, text, c->name);
}

/* ---- Values ---- */

static int store_whole(options *out, const command *c, const row *option, const char *text)
{
    long *slot = (long *)((char *)out + option->field);
    switch (number_whole(text, option->low, option->high, slot)) {
    case NUMBER_OK:
        return 0;
    case NUMBER_MALFORMED:
        return usage_error(c, "--%s %.80s: not a whole number (allowed: %ld to %ld)", option->name,
                           text, option->low, option->high);
    case NUMBER_OUT_OF_RANGE:
        break;
    }
    return usage_error(c, "--%s %.80s: out of range (allowed: %ld to %ld)", option->name, text,
                       option->low, option->high);
}

/* Whether a text is one of "A|B". */
static bool is_choice(const char *choices, const char *text)
{
    for (size_t length; *choices; choices += length + (choices[length] == '|')) {
        length = strcspn(choices, "|");
        if (strlen(text) == length && !strncmp(choices, text, length))
            return true;
    }
    return false;
}

static int store(options *out, const command *c, const row *option, const char *text)
{
    char *slot = (char *)out + option->field;
    switch (option->kind) {
    case SWITCH:
        *(bool *)slot = true;
        break;
    case TEXT:
        if (!*text)
            return usage_error(c, "--%s: the value is empty", option->name);
        *(const char **)slot = text;
        break;
    case CHOICE:
        if (!is_choice(option->value, text))
            return usage_error(c, "--%s %.80s: not known (allowed: %s)", option->name, text,
                               option->value);
        *(const char **)slot = text;
        break;
    case WHOLE:
        return store_whole(out, c, option, text);
    case LIST:
        out->sets[out->set_count++] = text;
        break;
    }
    return 0;
}

/* ---- getopt ---- */

/* Which of the options was meant by a text that getopt does not know. */
static int unknown_option(const command *c, const char *text)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    guess g = guess_of(name);
    for (size_t i = 0; i < ROWS; i++) {
        char shown[64];
        snprintf(shown, sizeof shown, "--%s", table[i].name);
        if (accepts(c->options, &table[i]))
            guess_offer(&g, shown, shown);
        else if (!strcmp(name, shown))
            return usage_error(c, "%s is not an option of this command", name);
    }
    return usage_error(c, "unknown option %s%s", name, g.hint);
}

/* getopt's '?' covers unknown options and values where none belongs; optopt tells them apart. */
static int refused_option(const command *c, char **argv)
{
    if (optopt >= FIRST_VALUE)
        return usage_error(c, "--%s takes no value", table[optopt - FIRST_VALUE].name);
    if (!optopt)
        return unknown_option(c, argv[optind - 1]);
    return usage_error(c, "unknown option -%c", optopt);
}

/* The accepted rows as getopt_long wants them; an option's value is its row after FIRST_VALUE,
 * which no letter can be. */
static void describe(const command *c, struct option *known, char *letters)
{
    *letters++ = ':'; /* a missing value is reported as ':' */
    for (int i = 0; i < ROWS; i++) {
        if (!accepts(c->options, &table[i]))
            continue;
        *known++ = (struct option){
            .name = table[i].name, .has_arg = table[i].kind != SWITCH, .val = FIRST_VALUE + i};
        if (table[i].letter)
            *letters++ = table[i].letter;
    }
    *known = (struct option){0};
    *letters = '\0';
}

static const row *row_of(int value)
{
    if (value >= FIRST_VALUE)
        return &table[value - FIRST_VALUE];
    size_t i = 0;
    while (table[i].letter != value) /* getopt returns only letters that describe() gave it */
        i++;
    return &table[i];
}

static int parse_all(options *out, const command *c, int argc, char **argv)
{
    struct option known[ROWS + 1];
    char letters[ROWS + 2];
    describe(c, known, letters);
    opterr = 0;
    optind = 0; /* start anew: a second parse in one process is allowed */
    for (int value; (value = getopt_long(argc, argv, letters, known, NULL)) != -1;) {
        if (value == ':')
            return usage_error(c, "--%s needs a value: %s", row_of(optopt)->name,
                               row_of(optopt)->value);
        if (value == '?')
            return refused_option(c, argv);
        if (store(out, c, row_of(value), optarg))
            return -1;
        if (out->help)
            return 0;
    }
    out->arguments = argv + optind;
    out->argument_count = argc - optind;
    if (out->argument_count < c->least)
        return usage_error(c, "an argument is missing; usage: unblend %s %s", c->name,
                           c->arguments);
    if (out->argument_count > c->most)
        return usage_error(c, "one argument too many: %.80s", out->arguments[c->most]);
    return 0;
}

int options_parse(options *out, const command *c, int argc, char **argv)
{
    options given = {0};
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].kind == WHOLE)
            *(long *)((char *)&given + table[i].field) = table[i].initial;
    given.sets = allocate((size_t)argc, sizeof *given.sets);
    if (!given.sets)
        return -1;
    if (parse_all(&given, c, argc, argv)) {
        options_free(&given);
        return -1;
    }
    *out = given;
    return 0;
}

void options_free(options *given)
{
    if (!given)
        return;
    free(given->sets);
    *given = (options){0};
}

/* ---- Settings ---- */

/* What was given as "section.key=value" texts; the array and the texts from `owned` on are freed by
 * free_overrides(). */
typedef struct overrides {
    char **texts;
    size_t count, owned;
} overrides;

static void free_overrides(overrides *o)
{
    for (size_t i = o->owned; i < o->count; i++)
        free(o->texts[i]);
    free(o->texts);
}

static int list_overrides(const options *given, overrides *out)
{
    char seed[24], batch[24];
    snprintf(seed, sizeof seed, "%ld", given->seed);
    snprintf(batch, sizeof batch, "%ld", given->train_batch);
    const struct {
        const char *key, *value;
    } flags[] = {{"device.platform", given->platform},
                 {"device.device", given->device},
                 {"data.directory", given->data},
                 {"train.seed", given->seed >= 0 ? seed : NULL},
                 {"train.batch", given->train_batch > 0 ? batch : NULL},
                 {"train.batch_last", given->train_batch > 0 ? "0" : NULL}};
    enum { FLAGS = sizeof flags / sizeof flags[0] };
    *out = (overrides){allocate(given->set_count + FLAGS, sizeof *out->texts), 0, given->set_count};
    if (!out->texts)
        return -1;
    for (; out->count < given->set_count; out->count++)
        out->texts[out->count] = (char *)given->sets[out->count];
    for (size_t i = 0; i < FLAGS; i++) {
        if (!flags[i].value)
            continue;
        char *text = format_text("%s=%s", flags[i].key, flags[i].value);
        if (!text) {
            free_overrides(out);
            return -1;
        }
        out->texts[out->count++] = text;
    }
    return 0;
}

int options_settings(const options *given, const char *path, settings **out)
{
    overrides over;
    if (list_overrides(given, &over))
        return -1;
    int result = settings_load(out, path, (const char *const *)over.texts, over.count);
    free_overrides(&over);
    return result;
}

int options_model(const options *given, const char *path, model_file *out)
{
    overrides over;
    if (list_overrides(given, &over))
        return -1;
    int result = keras_model_open(path, (const char *const *)over.texts, over.count, out);
    free_overrides(&over);
    return result;
}

int options_output(const options *given)
{
    const char *path = given->arguments[1];
    bool there;
    if (file_look(path, STATUS_USAGE, &there))
        return -1;
    if (there && file_is_same(given->arguments[0], path))
        return fail(STATUS_USAGE, "%s: is what would be read; choose another name", path);
    return there && !given->force
               ? fail(STATUS_USAGE, "%s: already exists; --force writes over it", path)
               : 0;
}

int options_space(const options *given, const char *path, space **out)
{
    overrides over;
    if (list_overrides(given, &over))
        return -1;
    int result = space_load(out, path, (const char *const *)over.texts, over.count);
    free_overrides(&over);
    if (!result && given->trials > 0)
        (*out)->trials = given->trials;
    return result;
}

/* ---- Help ---- */

static void print_row(const row *option, FILE *out)
{
    char left[40], letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(left, sizeof left, "%s--%s %s", letter, option->name,
             option->value ? option->value : "");
    fprintf(out, "  %-20s %s", left, option->help);
    if (option->kind == WHOLE && option->initial >= 0)
        fprintf(out, " (default %ld)", option->initial);
    fputc('\n', out);
}

void options_print(unsigned accepted, FILE *out)
{
    for (size_t i = 0; i < ROWS; i++)
        if (accepts(accepted, &table[i]))
            print_row(&table[i], out);
}
