/* A proposal as the text of a config. Whoever reads it should see why a value is what it is, and what else it
 * could be. Names of files stand in values only, where they are quoted. */
#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include "base/quoting.h"
#include "data/proposal.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sources ---- */

/* How much of a path is the folder that it is in, without the slash at its end. */
static size_t above(const char *path)
{
    size_t ignored;
    size_t length = (size_t)(path_last_part(path, &ignored) - path);
    return length > 1 ? length - 1 : length;
}

static bool are_neighbours(const surveys *s)
{
    const char *first = s->of[0].path;
    size_t length = above(first);
    for (int k = 0; k < s->count; k++) {
        const char *path = s->of[k].path;
        size_t last;
        path_last_part(path, &last);
        if (!last || above(path) != length || strncmp(path, first, length) != 0)
            return false;
    }
    return true;
}

/* From the root, so that it holds wherever unblend is called. */
void proposal_write_sources(const surveys *s, FILE *out)
{
    bool together = are_neighbours(s);
    char *directory =
        together ? format_text("%.*s", (int)above(s->of[0].path), s->of[0].path) : NULL;
    fputs("directory = ", out);
    value_write(directory ? directory : "/", out);
    fputs("\nsources = ", out);
    for (int k = 0; k < s->count; k++) {
        size_t length;
        const char *path = s->of[k].path, *last = path_last_part(path, &length);
        fputs(k ? ", " : "", out);
        value_write(directory ? last : path, out);
    }
    free(directory);
}

static void write_found(const survey *s, const char *name, FILE *out)
{
    fprintf(out, "# %s: %zu pictures", name, survey_pictures(s));
    if (s->one_size)
        fprintf(out, " of %d x %d (width x height)", s->median.width, s->median.height);
    else
        fprintf(out, " of %d x %d to %d x %d (width x height), usually %d x %d", s->smallest.width,
                s->smallest.height, s->largest.width, s->largest.height, s->median.width,
                s->median.height);
    fprintf(out, ", %s\n",
            !s->coloured                               ? "gray"
            : s->coloured == s->looked - s->unreadable ? "coloured"
                                                       : "some of them coloured");
}

/* ---- [data] ---- */

static void write_list(FILE *out, const char *key, const char *item, int count)
{
    fprintf(out, "# %s =", key);
    for (int k = 0; k < count; k++)
        fprintf(out, "%s %s", k ? "," : "", item);
    fputc('\n', out);
}

static void write_size(const proposal *p, FILE *out)
{
    const struct image_format *f = &p->mixture.format;
    static const char *const why[] = {
        [FIT_CROP] =
            "Random pieces of that size are cut out of the pictures: a larger size shows the\n# "
            "network more of each, and takes more memory and time.",
        [FIT_RESIZE] = "Pictures are stretched to that size, as most are not much larger.",
        [FIT_PAD] =
            "All pictures are small, so they are taken whole; what is missing to that size is\n# a "
            "black border.",
    };
    static const char *const fits[] = {"crop", "resize", "pad"};
    fprintf(
        out,
        "# Height x width in training, multiples of 4. The model separates pictures of any size.\n"
        "# %s\n",
        why[p->fit]);
    fprintf(out, "size = %dx%d\n", f->height, f->width);
    fputs("# crop, resize (the whole picture, stretched) or pad (scaled down, with a border).\n",
          out);
    fprintf(out, "fit = %s\n", fits[p->fit]);
    if (p->longest_side)
        fprintf(out,
                "# Larger pictures are reduced to this longer side first: decoded whole they would "
                "not fit\n# into the cache (cache_limit).\nlongest_side = %d\n",
                p->longest_side);
    else if (p->fit == FIT_CROP)
        fputs("# To reduce large pictures first, so that a piece shows more of them:\n"
              "# longest_side = 512\n",
              out);
}

static void write_data(const proposal *p, const surveys *s, FILE *out)
{
    int sources = p->mixture.sources;
    fputs("[data]\n", out);
    for (int k = 0; k < s->count; k++)
        write_found(&s->of[k], p->mixture.names[k], out);
    proposal_write_sources(s, out);
    fputs("\n# What results are called: of a.png, a.NAME.png. Of a-z 0-9 _ - only.\nnames =", out);
    for (int k = 0; k < sources; k++)
        fprintf(out, "%s %s", k ? "," : "", p->mixture.names[k]);
    fputc('\n', out);
    write_size(p, out);
    fprintf(out,
            "# 1: gray; 3: red, green and blue. Pictures in files are converted.\n"
            "channels = %d\n",
            p->mixture.format.channels);
    if (p->photos) {
        fputs("# Pictures that may as well be seen in a mirror, such as photos but not writing, "
              "are more\n# varied with this (one item for each source):\n",
              out);
        write_list(out, "flip", "true", sources);
    }
    fputs("# Shares of the pictures that are kept for validation and for the test, unless a folder "
          "has\n# validation/ and test/.\n",
          out);
    fprintf(out, "validation = %g\ntest = %g\n", s->validation, s->test);
    fprintf(out, "# Whether pictures in sub-folders count, too.\nsubfolders = %s\n\n",
            s->subfolders ? "true" : "false");
}

/* ---- The other sections ---- */

static void write_model(const proposal *p, FILE *out)
{
    fputs(
        "[model]\narchitecture = unet\n"
        "# Of the first of three resolutions, doubled from one to the next. 64 is better and four "
        "times\n# as slow, 16 the other way round.\n",
        out);
    fprintf(out, "filters = %d\n", p->filters);
    fputs("modules = 3\n"
          "# With residual = true, 3 convolutions pay: on digits and clothes 10 % less error, for "
          "45 %\n# more operations.\n"
          "convolutions = 2\nresidual = false\n"
          "# The results always blend to the input, which lowers the error. Set it to false if "
          "[mix] is\n# more than an average.\n"
          "consistent = true\n\n",
          out);
}

static void write_mix(FILE *out)
{
    fputs(
        "[mix]\n"
        "# average; or weights (each blend has its own), screen, multiply: `unblend help config`. "
        "It\n# should be like the blends that are to be separated.\n"
        "kind = average\n\n",
        out);
}

static void write_objective(const proposal *p, FILE *out)
{
    if (p->permutation)
        fputs("# Two sources are one folder: nobody can tell which result should be which, so the "
              "better\n# order counts.\nobjective = permutation\n",
              out);
    else
        fputs("# permutation instead, if the sources look so alike that nobody can tell which is "
              "which.\nobjective = squared_error\n",
              out);
}

static void write_train(const proposal *p, FILE *out)
{
    fputs("[train]\n", out);
    write_objective(p, out);
    fprintf(out,
            "# Blends in one step. Training takes about %zu MiB of the device's memory.\n"
            "batch = %d\n"
            "# An epoch is a number of steps; each draws fresh random blends.\n"
            "steps_per_epoch = %d\n",
            p->bytes / 1048576 + 1, p->batch, p->steps);
    if (!p->validation_steps)
        fputs("# None: a source has no picture for validation.\n", out);
    fprintf(out, "validation_steps = %d\n", p->validation_steps);
    fputs(
        "# At most; stop it when you like, and go on with `unblend train --resume RUN`. With\n"
        "# minutes = 60 it ends after an hour instead, and the learning rate falls in that time.\n"
        "epochs = 100\n"
        "# The learning rate falls to zero in a half cosine. These are the settings that paid on "
        "digits\n# and clothes; optimizer = adam with learning_rate = 1e-3 is slower and safer.\n"
        "schedule = cosine\nrate_min = 0\nwarmup_steps = 500\n"
        "optimizer = muon\nlearning_rate = 4e-3\nmuon_rate = 5e-3\nbeta_2 = 0.99\n"
        "# Should the loss jump up or diverge, a limit helps:\n# clip_norm = 1\n"
        "seed = 1\n",
        out);
}

static void write_device(const struct proposal_device *d, FILE *out)
{
    if (!d->platform && !d->name)
        return;
    fputs("\n[device]\n# As it was chosen for `unblend new`.\n", out);
    if (d->platform) {
        fputs("platform = ", out);
        value_write(d->platform, out);
        fputc('\n', out);
    }
    if (d->name) {
        fputs("device = ", out);
        value_write(d->name, out);
        fputc('\n', out);
    }
}

char *proposal_write(const proposal *p, const surveys *s)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        fail(STATUS_MEMORY, "out of memory");
        return NULL;
    }
    fputs("# Written by `unblend new`. `unblend help config` explains every key.\n\n", out);
    write_model(p, out);
    write_data(p, s, out);
    write_mix(out);
    write_train(p, out);
    write_device(&p->device, out);
    if (fclose(out)) {
        free(text);
        fail(STATUS_MEMORY, "out of memory");
        return NULL;
    }
    return text;
}
