#include "config/keys.h"

#include "base/error.h"
#include "base/guess.h"
#include "base/memory.h"
#include "base/number.h"
#include "config/quoting.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const key keys[] = {
    {.name = "model.architecture",
     .type = KEY_CHOICE,
     .initial = "unet",
     .choices = "unet|unet-transformer",
     .help = "Shape of the network."},
    {.name = "model.filters",
     .type = KEY_INT,
     .initial = "64",
     .low = 1,
     .high = 1024,
     .help = "Filters of the first module; each further module doubles them."},
    {.name = "model.modules",
     .type = KEY_INT,
     .initial = "3",
     .low = 1,
     .high = 6,
     .help = "Resolutions of the network; each further one halves the image."},
    {.name = "model.convolutions",
     .type = KEY_INT,
     .initial = "2",
     .low = 1,
     .high = 8,
     .help = "Convolutions in each module."},
    {.name = "model.activation",
     .type = KEY_CHOICE,
     .initial = "relu",
     .choices = "relu|sigmoid|tanh|leaky_relu",
     .help = "Activation after each convolution and of the two outputs."},
    {.name = "model.blocks",
     .type = KEY_INT,
     .initial = "3",
     .low = 0,
     .high = 24,
     .help = "unet-transformer: transformer blocks in the bottleneck; 0 for none."},
    {.name = "model.width",
     .type = KEY_INT,
     .initial = "192",
     .low = 1,
     .high = 4096,
     .help = "unet-transformer: channels of a token in the bottleneck."},
    {.name = "model.heads",
     .type = KEY_INT,
     .initial = "4",
     .low = 1,
     .high = 64,
     .help = "unet-transformer: attention heads in the bottleneck."},
    {.name = "model.key_size",
     .type = KEY_INT,
     .initial = "192",
     .low = 1,
     .high = 1024,
     .help = "unet-transformer: channels of a key, of each head."},
    {.name = "model.ffn",
     .type = KEY_INT,
     .initial = "640",
     .low = 1,
     .high = 16384,
     .help = "unet-transformer: hidden units behind the attention."},
    {.name = "model.dropout",
     .type = KEY_REAL,
     .initial = "0.1",
     .low = 0,
     .high = 0.9,
     .help = "unet-transformer: share of values dropped in training."},
    {.name = "model.train_position",
     .type = KEY_FLAG,
     .initial = "true",
     .help = "unet-transformer: train the position embedding."},
    {.name = "model.cbam",
     .type = KEY_FLAG,
     .initial = "true",
     .help = "unet-transformer: CBAM attention behind each decoder stage."},
    {.name = "model.cbam_ratio",
     .type = KEY_INT,
     .initial = "16",
     .low = 1,
     .high = 1024,
     .help = "unet-transformer: CBAM's hidden units are channels / ratio."},
    {.name = "model.sub_blocks",
     .type = KEY_FLAG,
     .initial = "true",
     .help = "unet-transformer: autoencoder sub-blocks in the decoders."},

    {.name = "data.directory",
     .type = KEY_TEXT,
     .initial = "build/data",
     .filled = true,
     .environment = "UNBLEND_DATA",
     .flag = "--data",
     .help = "Directory that holds the data sets."},
    {.name = "data.source_a",
     .type = KEY_TEXT,
     .initial = "mnist",
     .help = "First data set: a directory below data.directory."},
    {.name = "data.source_b",
     .type = KEY_TEXT,
     .initial = "fashion-mnist",
     .help = "Second data set: a directory below data.directory."},
    {.name = "data.name_a",
     .type = KEY_NAME,
     .initial = "mnist",
     .help = "What the first output is called in files and tables."},
    {.name = "data.name_b",
     .type = KEY_NAME,
     .initial = "fashion",
     .help = "What the second output is called; differs from data.name_a."},
    {.name = "data.validation",
     .type = KEY_REAL,
     .initial = "0.2",
     .low = 0,
     .high = 0.9,
     .help = "Share of each training set held out for validation; 0 for none."},

    {.name = "train.batch",
     .type = KEY_INT,
     .initial = "32",
     .low = 1,
     .high = 4096,
     .help = "Mixtures in one step."},
    {.name = "train.steps_per_epoch",
     .type = KEY_INT,
     .initial = "1500",
     .low = 1,
     .high = 1000000,
     .help = "Steps that make an epoch; pairs are drawn at random."},
    {.name = "train.validation_steps",
     .type = KEY_INT,
     .initial = "375",
     .low = 0,
     .high = 100000,
     .help = "Batches of validation after each epoch; 0 for none."},
    {.name = "train.epochs",
     .type = KEY_INT,
     .initial = "100",
     .low = 1,
     .high = 100000,
     .help = "Epochs to train at most."},
    {.name = "train.learning_rate",
     .type = KEY_REAL,
     .initial = "1e-3",
     .low = 0,
     .high = 10,
     .above_low = true,
     .help = "Step size of the optimizer."},
    {.name = "train.optimizer",
     .type = KEY_CHOICE,
     .initial = "adam",
     .choices = "adam|adamw",
     .help = "How gradients become steps."},
    {.name = "train.weight_decay",
     .type = KEY_REAL,
     .initial = "0.004",
     .low = 0,
     .high = 1,
     .help = "adamw: share of each value taken off, times the rate."},
    {.name = "train.clip_norm",
     .type = KEY_REAL,
     .initial = "0",
     .low = 0,
     .high = 1000000.0,
     .help = "Limit of the norm of all gradients together; 0 for none."},
    {.name = "train.average",
     .type = KEY_REAL,
     .initial = "0",
     .low = 0,
     .high = 0.999999,
     .help = "Decay of a moving average of the weights, e.g. 0.999; 0 for none."},
    {.name = "train.moving_averages",
     .type = KEY_CHOICE,
     .initial = "warm",
     .choices = "warm|keras",
     .help = "Batch norm's and train.average's: soon of use, or slow to begin as Keras'."},
    {.name = "train.schedule",
     .type = KEY_CHOICE,
     .initial = "constant",
     .choices = "constant|step|cosine|plateau",
     .help = "How the learning rate goes on."},
    {.name = "train.rate_factor",
     .type = KEY_REAL,
     .initial = "0.5",
     .low = 0,
     .high = 1,
     .above_low = true,
     .help = "step, plateau: what the rate is multiplied by."},
    {.name = "train.rate_min",
     .type = KEY_REAL,
     .initial = "1e-6",
     .low = 0,
     .high = 10,
     .help = "Lowest rate; where cosine ends."},
    {.name = "train.rate_every",
     .type = KEY_INT,
     .initial = "10",
     .low = 1,
     .high = 100000,
     .help = "step: epochs between reductions."},
    {.name = "train.warmup_steps",
     .type = KEY_INT,
     .initial = "0",
     .low = 0,
     .high = 100000000,
     .help = "cosine: steps in which the rate rises from zero."},
    {.name = "train.plateau_patience",
     .type = KEY_INT,
     .initial = "5",
     .low = 1,
     .high = 100000,
     .help = "plateau: epochs without improvement before a reduction."},
    {.name = "train.plateau_min_delta",
     .type = KEY_REAL,
     .initial = "1e-4",
     .low = 0,
     .high = 10,
     .help = "plateau: less is no improvement."},
    {.name = "train.plateau_cooldown",
     .type = KEY_INT,
     .initial = "0",
     .low = 0,
     .high = 100000,
     .help = "plateau: epochs to wait after a reduction."},
    {.name = "train.monitor",
     .type = KEY_CHOICE,
     .initial = "val_loss",
     .choices = "val_loss|loss",
     .help = "The loss that plateau, stopping and keep look at."},
    {.name = "train.stop_patience",
     .type = KEY_INT,
     .initial = "0",
     .low = 0,
     .high = 100000,
     .help = "Epochs without improvement before training stops; 0: never."},
    {.name = "train.stop_min_delta",
     .type = KEY_REAL,
     .initial = "0",
     .low = 0,
     .high = 10,
     .help = "Early stopping: less is no improvement."},
    {.name = "train.keep",
     .type = KEY_CHOICE,
     .initial = "best",
     .choices = "best|last",
     .help = "Which epoch's weights the model file holds."},
    {.name = "train.checkpoint_seconds",
     .type = KEY_INT,
     .initial = "300",
     .low = 1,
     .high = 1000000,
     .help = "Seconds between checkpoints within an epoch."},
    {.name = "train.seed",
     .type = KEY_INT,
     .initial = "1",
     .low = 0,
     .high = 2147483647,
     .help = "Seed of all random numbers; same seed and device, same result."},
    {.name = "train.time_limit",
     .type = KEY_INT,
     .initial = "0",
     .low = 0,
     .high = 10000000,
     .help = "Seconds after which training ends in good order; 0 for none."},

    {.name = "device.platform",
     .type = KEY_TEXT,
     .initial = "",
     .environment = "UNBLEND_PLATFORM",
     .flag = "--platform",
     .help = "OpenCL platform: index or part of its name; empty for any."},
    {.name = "device.device",
     .type = KEY_TEXT,
     .initial = "",
     .environment = "UNBLEND_DEVICE",
     .flag = "--device",
     .help = "OpenCL device: index or part of its name; empty for the best."},
    {.name = "device.kernels",
     .type = KEY_CHOICE,
     .initial = "auto",
     .choices = "auto|vector|tiled",
     .help = "Kernel family: vector suits CPUs, tiled GPUs."},
    {.name = "device.class",
     .type = KEY_CHOICE,
     .initial = "auto",
     .choices = "auto|cpu16|cpu8|cpu4|gpu",
     .environment = "UNBLEND_DEVICE_CLASS",
     .help = "Whose kernel sizes to start with: CPUs by the floats of a vector register."},
    {.name = "device.selftest",
     .type = KEY_FLAG,
     .initial = "true",
     .help = "Check the device's kernels shortly before training starts."},
};
const size_t key_count = sizeof keys / sizeof keys[0];

static size_t section_length(const char *name)
{
    return strcspn(name, ".");
}

const key *key_find(const char *name)
{
    for (size_t i = 0; i < key_count; i++)
        if (!strcasecmp(keys[i].name, name))
            return &keys[i];
    return NULL;
}

bool key_section_exists(const char *section, size_t length)
{
    for (size_t i = 0; i < key_count; i++)
        if (section_length(keys[i].name) == length && !strncasecmp(keys[i].name, section, length))
            return true;
    return false;
}

int key_unknown(const char *name, const char *where)
{
    guess whole = guess_of(name);
    for (size_t i = 0; i < key_count; i++)
        guess_offer(&whole, keys[i].name, keys[i].name);
    if (*whole.hint)
        return fail(STATUS_USAGE, "%s: unknown key %.80s%s", where, name, whole.hint);

    /* Perhaps the right key in the wrong section, or without one. */
    const char *dot = strrchr(name, '.');
    guess bare = guess_of(dot ? dot + 1 : name);
    for (size_t i = 0; i < key_count; i++)
        guess_offer(&bare, keys[i].name + section_length(keys[i].name) + 1, keys[i].name);
    return fail(STATUS_USAGE, "%s: unknown key %.80s%s", where, name,
                *bare.hint ? bare.hint : " (`unblend help config` lists all keys)");
}

int key_unknown_section(const char *section, const char *where)
{
    guess g = guess_of(section);
    for (size_t i = 0; i < key_count; i++) {
        char name[64], shown[66];
        snprintf(name, sizeof name, "%.*s", (int)section_length(keys[i].name), keys[i].name);
        snprintf(shown, sizeof shown, "[%s]", name);
        guess_offer(&g, name, shown);
    }
    return fail(STATUS_USAGE, "%s: unknown section [%.80s]%s", where, section,
                *g.hint ? g.hint : " (`unblend help config` lists all sections)");
}

/* ---- What is allowed ---- */

static void write_choices(const char *choices, FILE *out)
{
    for (; *choices; choices++) {
        if (*choices == '|')
            fputs(", ", out);
        else
            fputc(*choices, out);
    }
}

static void write_allowed(const key *k, FILE *out)
{
    switch (k->type) {
    case KEY_INT:
    case KEY_REAL:
        fprintf(out, k->above_low ? "above %.10g, to %.10g" : "%.10g to %.10g", k->low, k->high);
        break;
    case KEY_FLAG:
        fputs("true, false", out);
        break;
    case KEY_CHOICE:
        write_choices(k->choices, out);
        break;
    case KEY_NAME:
        fputs("1 to 32 of a-z, 0-9, _ and -", out);
        break;
    case KEY_TEXT:
        fprintf(out, "text of at most %d bytes", KEY_TEXT_LIMIT);
        break;
    }
}

static int refuse(const key *k, const char *text, const char *where, const char *why,
                  const char *hint)
{
    char allowed[256] = "";
    FILE *out = fmemopen(allowed, sizeof allowed, "w");
    if (out) {
        write_allowed(k, out);
        fclose(out);
    }
    return fail(STATUS_USAGE, "%s: %s = %.80s: %s (allowed: %s)%s", where, k->name,
                *text ? text : "(nothing)", why, allowed, hint);
}

/* ---- Text to value ---- */

static int parse_number(const key *k, const char *text, const char *where, key_value *out)
{
    key_value value = {0};
    enum number result;
    if (k->type == KEY_INT) {
        result = number_whole(text, (long)k->low, (long)k->high, &value.whole);
        value.real = (double)value.whole;
    } else {
        result = number_real(text, k->low, k->high, &value.real);
    }
    if (result == NUMBER_MALFORMED)
        return refuse(k, text, where, k->type == KEY_INT ? "not a whole number" : "not a number",
                      "");
    if (result == NUMBER_OUT_OF_RANGE || (k->above_low && value.real <= k->low))
        return refuse(k, text, where, "out of range", "");
    *out = value;
    return 0;
}

static int parse_flag(const key *k, const char *text, const char *where, key_value *out)
{
    bool on = !strcasecmp(text, "true");
    if (!on && strcasecmp(text, "false"))
        return refuse(k, text, where, "neither true nor false", "");
    *out = (key_value){.flag = on};
    return 0;
}

static int check_choice(const key *k, const char *text, const char *where)
{
    guess g = guess_of(text);
    for (const char *word = k->choices; *word;) {
        char name[64];
        size_t length = strcspn(word, "|");
        snprintf(name, sizeof name, "%.*s", (int)length, word);
        if (!strcmp(name, text))
            return 0;
        guess_offer(&g, name, name);
        word += length + (word[length] == '|');
    }
    return refuse(k, text, where, "no such choice", g.hint);
}

static int check_text(const key *k, const char *text, const char *where)
{
    size_t written = value_written_length(text);
    if (k->filled && !*text)
        return refuse(k, text, where, "empty", "");
    if (written > KEY_TEXT_LIMIT)
        return refuse(k, text, where,
                      written > strlen(text) ? "too long, as \\xHH takes four bytes" : "too long",
                      "");
    return 0;
}

static int check_name(const key *k, const char *text, const char *where)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (text[length] || length < 1 || length > 32)
        return refuse(k, text, where, "not a name", "");
    return 0;
}

int key_parse(const key *k, const char *text, const char *where, key_value *out)
{
    int refused = 0;
    switch (k->type) {
    case KEY_INT:
    case KEY_REAL:
        return parse_number(k, text, where, out);
    case KEY_FLAG:
        return parse_flag(k, text, where, out);
    case KEY_CHOICE:
        refused = check_choice(k, text, where);
        break;
    case KEY_NAME:
        refused = check_name(k, text, where);
        break;
    case KEY_TEXT:
        refused = check_text(k, text, where);
        break;
    }
    char *copy = refused ? NULL : copy_text(text);
    if (!copy)
        return -1;
    *out = (key_value){.text = copy};
    return 0;
}

/* ---- Value to text ---- */

/* As few digits as read back to the same number. */
static void write_real(double value, FILE *out)
{
    char text[32];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

void key_write(const key *k, const key_value *value, FILE *out)
{
    fprintf(out, "%s = ", k->name + section_length(k->name) + 1);
    switch (k->type) {
    case KEY_INT:
        fprintf(out, "%ld", value->whole);
        break;
    case KEY_REAL:
        write_real(value->real, out);
        break;
    case KEY_FLAG:
        fputs(value->flag ? "true" : "false", out);
        break;
    case KEY_CHOICE:
    case KEY_NAME:
        fputs(value->text, out);
        break;
    case KEY_TEXT:
        value_write(value->text, out);
        break;
    }
    fputc('\n', out);
}

void key_write_section(size_t i, FILE *out)
{
    size_t length = section_length(keys[i].name);
    if (i && !strncmp(keys[i - 1].name, keys[i].name, length + 1))
        return;
    fprintf(out, "%s[%.*s]\n", i ? "\n" : "", (int)length, keys[i].name);
}

void keys_print(FILE *out)
{
    fputs("; A value may be written as it is, in '...', or in \"...\", where \\\\ is a\n"
          "; backslash and \\xHH any byte. A comment begins with ; or # at the start or\n"
          "; after a blank.\n\n",
          out);
    for (size_t i = 0; i < key_count; i++) {
        const key *k = &keys[i];
        key_write_section(i, out);
        fprintf(out, "; %s\n", k->help);
        if (k->type != KEY_TEXT) {
            fputs(";   allowed: ", out);
            write_allowed(k, out);
            fputc('\n', out);
        }
        if (k->environment)
            fprintf(out, ";   environment: %s\n", k->environment);
        fprintf(out, k->type == KEY_TEXT ? "%s = \"%s\"\n" : "%s = %s\n",
                k->name + section_length(k->name) + 1, k->initial);
    }
}
