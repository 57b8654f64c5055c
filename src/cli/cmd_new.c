/* unblend new FOLDER FOLDER: looks at folders of pictures, says what it found, and writes a config to train on
 * them. */
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/run_choice.h"
#include "data/proposal.h"
#include "nn/summary.h"
#include "opencl/choose.h"
#include <stdlib.h>
#include <string.h>

static const char default_config[] = "unblend.ini";
/* Pictures: a network would learn so few by heart; so few tell little of it. */
enum { FEW = 100, FEW_TO_TEST = 10 };

/* ---- Before anything is looked at ---- */

static int check_directory_of(const char *path)
{
    size_t length;
    bool there;
    const char *name = path_last_part(path, &length);
    size_t above = (size_t)(name - path);
    char *directory =
        above ? format_text("%.*s", (int)(above > 1 ? above - 1 : above), path) : copy_text(".");
    int result = directory ? directory_look(directory, STATUS_USAGE, &there) : -1;
    if (!result && !there)
        result = fail(STATUS_USAGE, "%s: there is no directory %s to write it to", path, directory);
    free(directory);
    return result;
}

static int check_config(const char *path, bool force)
{
    bool there;
    if (path[strlen(path) - 1] == '/' || directory_exists(path))
        return fail(STATUS_USAGE, "%s: is a directory; --config takes the name of a file", path);
    if (file_look(path, STATUS_USAGE, &there) || check_directory_of(path))
        return -1;
    return there && !force
               ? fail(STATUS_USAGE,
                      "%s: already exists; --force writes over it, --config FILE takes another "
                      "name",
                      path)
               : 0;
}

/* *d is of the list; NULL where there is none and nobody has asked for one. */
static int find_device(const options *given, device_info **list, const device_info **d)
{
    size_t count;
    settings *s = NULL;
    *list = NULL;
    *d = NULL;
    if (options_settings(given, NULL, &s))
        return -1;
    const char *platform = s->device.platform, *name = s->device.device;
    int result = devices_list(list, &count);
    if (!result) {
        *d = device_choose(*list, count, platform, name);
        result = *d ? 0 : -1;
    } else if (error_status() == STATUS_DEVICE && !*platform && !*name) {
        log_warning("%s\nUntil then nothing can be trained; the config is for a CPU",
                    error_message());
        error_clear();
        result = 0;
    }
    settings_free(s);
    return result;
}

/* ---- What was found ---- */

/* Names of files may hold what a terminal acts on. */
static void print_safely(const char *text)
{
    for (; *text; text++)
        putchar((*text >= 0 && *text < ' ') || *text == 0x7F ? '?' : *text);
}

static const char *count_text(size_t count)
{
    static char texts[4][32];
    static unsigned next;
    return summary_count(count, texts[next++ % 4], sizeof texts[0]);
}

static void print_sizes(const survey *s)
{
    const struct image_head *least = &s->smallest, *usual = &s->median, *most = &s->largest;
    if (s->one_size)
        printf("  size        all %d x %d", usual->width, usual->height);
    else
        printf("  sizes       smallest %d x %d, median %d x %d, largest %d x %d", least->width,
               least->height, usual->width, usual->height, most->width, most->height);
    puts(" (width x height)");
}

static void print_colour(const survey *s)
{
    size_t read = s->looked - s->unreadable;
    if (s->coloured && s->coloured < read)
        printf("  colour      %s coloured, %s gray\n", count_text(s->coloured),
               count_text(read - s->coloured));
    else
        printf("  colour      %s\n", s->coloured ? "all coloured" : "all gray");
}

static void print_survey(const surveys *all, int k, const char *name)
{
    const survey *s = &all->of[k];
    printf("%s: ", name);
    print_safely(s->path);
    printf("\n  pictures    %s%s: %s for training, %s for validation, %s for the test\n",
           count_text(survey_pictures(s)), s->is_idx ? " in IDX files" : "",
           count_text(survey_part(all, k, PART_TRAIN)),
           count_text(survey_part(all, k, PART_VALIDATION)),
           count_text(survey_part(all, k, PART_TEST)));
    if (s->others)
        printf("  others      %s file%s that %s no picture%s\n", count_text(s->others),
               s->others > 1 ? "s" : "", s->others > 1 ? "are" : "is", s->others > 1 ? "s" : "");
    if (s->looked < survey_pictures(s))
        printf("  looked at   %s of them, evenly spread; what follows is of those\n",
               count_text(s->looked));
    print_sizes(s);
    print_colour(s);
}

static void warn_of_unreadable(const survey *s, const char *name)
{
    if (!s->unreadable)
        return;
    log_warning("%s: %zu of the %zu pictures that were looked at cannot be read:", name,
                s->unreadable, s->looked);
    for (int i = 0; i < SURVEY_REASONS && s->reasons[i]; i++)
        log_warning("  %s", s->reasons[i]);
    if (s->unreadable > SURVEY_REASONS)
        log_warning("  and %zu more", s->unreadable - SURVEY_REASONS);
}

static void warn(const proposal *p, const surveys *s)
{
    for (int k = 0; k < s->count; k++)
        warn_of_unreadable(&s->of[k], p->mixture.names[k]);
    if (p->least[PART_TRAIN] < FEW)
        log_warning(
            "the smallest source has only %zu pictures to train on: a network learns so few by "
            "heart and does badly on others",
            p->least[PART_TRAIN]);
    if (!p->least[PART_VALIDATION])
        log_warning("a source has no picture for validation, so there is none in training");
    if (!p->least[PART_TEST])
        log_warning("a source has no picture for the test, which `unblend evaluate` needs");
    else if (p->least[PART_TEST] < FEW_TO_TEST)
        log_warning(
            "the smallest source has only %zu picture%s for the test: its scores say little",
            p->least[PART_TEST], p->least[PART_TEST] > 1 ? "s" : "");
    if (!p->fits)
        log_warning("training may need more memory than the device has: take a smaller data.size");
}

/* ---- What was chosen ---- */

static void print_proposal(const proposal *p, const surveys *s)
{
    static const char *const fits[] = {"cut out at random", "stretched",
                                       "whole, in a black border"};
    const struct image_format *f = &p->mixture.format;
    const device_info *d = p->device.info;
    printf("\nPictures      %d x %d in %s, %s\n", f->width, f->height,
           f->channels == 3 ? "colour" : "gray", fits[p->fit]);
    printf("Network       U-Net with %d filters\n", p->filters);
    printf("Training      batches of %d, %s steps an epoch\n", p->batch,
           count_text((size_t)p->steps));
    printf("Memory        %s MiB", count_text(p->bytes / 1048576 + 1));
    if (d)
        printf(" of the %s that %s has", count_text((size_t)(d->global_memory / 1048576)), d->name);
    putchar('\n');
    if (s->subfolders)
        puts("Sub-folders   pictures in sub-folders count, too (data.subfolders)");
    if (p->longest_side)
        printf("Reduced       larger pictures to a longer side of %d (data.longest_side)\n",
               p->longest_side);
    if (p->permutation)
        puts("Same folder   more than once: nobody can tell which result is which, so training\n"
             "              takes the better order (train.objective = permutation)");
}

/* ---- What is next ---- */

/* As a shell reads it. */
static void print_for_shell(const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:=@%";
    if (*text == '-')
        fputs("./", stdout);
    if (text[strspn(text, plain)] == '\0') {
        fputs(text, stdout);
        return;
    }
    putchar('\'');
    for (char one[2] = ""; *text; text++) {
        one[0] = *text;
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            print_safely(one);
    }
    putchar('\'');
}

/* The run of a config, or where there has been one, the next free name; NULL: `train` will say what is wrong. */
static char *free_run(const char *config, bool *is_usual)
{
    char *arguments[] = {(char *)config}, *run = NULL;
    options train = {.arguments = arguments, .argument_count = 1};
    run_choice c;
    bool filled = true;
    *is_usual = true;
    if (!run_choice_make(&c, &train, &(struct run_file){"train", "CONFIG", "config.ini"}))
        run = copy_text(c.run);
    for (int i = 2; run && !directory_look_inside(run, STATUS_USAGE, &filled) && filled; i++) {
        free(run);
        run = format_text("%s-%d", c.run, i);
        *is_usual = false;
    }
    run_choice_release(&c);
    error_clear();
    return run;
}

static void print_next(const char *config)
{
    bool is_usual;
    char *run = free_run(config, &is_usual);
    fputs("\nThe config is ", stdout);
    print_safely(config);
    fputs(". To train with it:\n\n  unblend train ", stdout);
    print_for_shell(config);
    if (run && !is_usual) {
        fputs(" --run ", stdout);
        print_for_shell(run);
    }
    if (run) {
        fputs("\n\nThe run will be in ", stdout);
        print_safely(run);
    }
    fputs(". To look at some blends first:\n\n  unblend mix blends/ ", stdout);
    print_for_shell(config);
    putchar('\n');
    free(run);
}

/* ---- All of it ---- */

static int write_config(const char *path, const proposal *p, const surveys *s)
{
    char *text = proposal_config(p, s);
    int result = text ? file_write_atomic(path, text, strlen(text)) : -1;
    free(text);
    return result;
}

static int propose(const options *given, const char *config, const device_info *d, const surveys *s)
{
    proposal p;
    struct proposal_device device = {d, given->platform, given->device};
    if (proposal_make(&p, s, &device))
        return -1;
    for (int k = 0; k < s->count; k++)
        print_survey(s, k, p.mixture.names[k]);
    print_proposal(&p, s);
    fflush(stdout);
    warn(&p, s);
    if (write_config(config, &p, s))
        return -1;
    print_next(config);
    return 0;
}

static int run_new(const options *given)
{
    const char *config = given->config ? given->config : default_config;
    surveys s = {0};
    device_info *list = NULL;
    const device_info *d;
    int result = check_config(config, given->force) || find_device(given, &list, &d) ||
                         surveys_make(&s, given->arguments, given->argument_count) ||
                         propose(given, config, d, &s)
                     ? -1
                     : 0;
    surveys_release(&s);
    free(list);
    return result;
}

const command new_command = {
    .name = "new",
    .summary = "Write a config to train on folders of pictures",
    .arguments = "FOLDER FOLDER [FOLDER [FOLDER]]",
    .description =
        "Looks at 2 to 4 folders, one for each source, says what is in them, and writes a\n"
        "config with comments to FILE (default unblend.ini): size, network and batch suit\n"
        "the pictures and the device. `unblend train FILE` is then all that is left to do.\n"
        "A folder holds PNG, JPEG, TIFF, WebP, PGM or PPM files, or such sub-folders as\n"
        "train/, validation/ and test/, or IDX files. The same folder twice: blends of its own\n"
        "pictures.\n",
    .examples = "  unblend new photos/ paintings/\n"
                "  unblend new pages/ pages/ --config pages.ini\n",
    .options = OPTION_CONFIG | OPTION_FORCE | OPTIONS_COMPUTE,
    .least = 2,
    .most = 4,
    .run = run_new,
};
