/*
 * What a config says, a struct for each section. The table of keys (keys_table.c) says which member
 * a key fills, and settings.h how a config is read; a new key is a row there and a member here. Rooms
 * take the struct of their section.
 *
 * Ints and sizes are in the range that their row allows. Texts belong to the config.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "image/format.h"
#include <stdbool.h>

enum { STAGES_MAX = 4, RESOLUTIONS_MAX = 6, PATTERNS_MAX = 32 };

/* Values of choices, in the order of the choices of their rows. */
enum architecture {
#define ARCHITECTURE(symbol, name) ARCHITECTURE_##symbol,
#include "config/architectures.def"
#undef ARCHITECTURE
    ARCHITECTURES
};
enum reads { READS_MIXTURE, READS_PREVIOUS, READS_BOTH };
enum objective_kind { OBJECTIVE_SQUARED_ERROR, OBJECTIVE_PERMUTATION };
enum fit_kind { FIT_CROP, FIT_RESIZE, FIT_PAD };
enum mix_kind { MIX_AVERAGE, MIX_WEIGHTS, MIX_SCREEN, MIX_MULTIPLY };
enum optimizer_kind { OPTIMIZER_ADAM, OPTIMIZER_ADAMW, OPTIMIZER_MUON };
enum averages_kind { AVERAGES_WARM, AVERAGES_KERAS };
enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_STEP, SCHEDULE_COSINE, SCHEDULE_PLATEAU };
enum monitor { MONITOR_VAL_LOSS, MONITOR_LOSS };
enum start_mismatch { START_MISMATCH_ERROR, START_MISMATCH_SKIP };
enum keep { KEEP_BEST, KEEP_LAST };

/* [model], the first stage, and [stage.2] to [stage.4]. */
struct model_config {
    enum architecture architecture;
    enum reads reads;             /* of the first stage: the mixture */
    int filters[RESOLUTIONS_MAX]; /* one, or one for each resolution */
    int filter_count;
    int modules;
    int convolutions[RESOLUTIONS_MAX]; /* likewise */
    int convolution_count;
    int attention[RESOLUTIONS_MAX]; /* resolutions, from 1, whose encoder modules attend */
    int attention_count;
    char *activation; /* a name that activation_named() knows */
    bool skips, batch_norm, residual, gated, consistent;
    int blocks, width, heads, key_size, ffn;
    double dropout;
    bool train_position, cbam;
    int cbam_ratio;
    bool sub_blocks;
};

/* Of the module at a resolution, from 0. */
static inline int model_convolutions(const struct model_config *m, int resolution)
{
    return m->convolutions[m->convolution_count > 1 ? resolution : 0];
}

/* From low to high, which may be the same. */
struct value_range {
    double low, high;
};

/* [mix]: how sources become a blend. With a range of weights they are drawn for each blend. */
struct mix_config {
    enum mix_kind kind;
    double weights[SOURCES_MAX]; /* fixed ones; mixture.weights follows from them */
    int weight_count;            /* none: equal ones, or drawn from the range */
    struct value_range weight;
    double gamma;    /* values to this power are blended; 1: as they are */
    double noise;    /* standard deviation of what is added to a blend */
    double clean;    /* share of training blends with only one source */
    bool only_clean; /* no key: all blends of validation and test, too (`evaluate --clean`) */
};

/* Whether each blend has weights of its own. */
static inline bool mix_draws_weights(const struct mix_config *m)
{
    return m->kind == MIX_WEIGHTS && !m->weight_count;
}

/* Whether a blend is the average of its sources with weights that are known, as consistent outputs assume. */
static inline bool mix_is_average(const struct mix_config *m)
{
    return (m->kind == MIX_AVERAGE || m->kind == MIX_WEIGHTS) && !mix_draws_weights(m) &&
           m->gamma == 1;
}

/* [data]. Files of pictures have parts of their own for validation and test, or shares of each folder. */
struct data_config {
    char *directory;
    char *directories[SOURCES_MAX]; /* of the sources, below directory or absolute */
    mixture mixture;
    int name_count;          /* mixture.sources */
    bool names_given;        /* else they follow from the directories */
    double validation, test; /* shares; test: of folders of pictures */
    bool subfolders;
    enum fit_kind fit;
    int longest_side; /* 0: no limit */
    int shift;
    bool flip[SOURCES_MAX], rotate[SOURCES_MAX];
    int flip_count, rotate_count; /* none, or as many as there are sources */
    int memory;                   /* MiB; 0: as the device has */
    char *cache;                  /* a directory, "none", or empty: the user's */
    int cache_limit;              /* MiB */
    struct mix_config mix;
};

struct train_config {
    enum objective_kind objective;
    double source_weights[SOURCES_MAX];
    int weight_count;   /* as many as there are sources */
    bool weights_given; /* else they are 1 */
    int batch, batch_last, steps_per_epoch, validation_steps, epochs;
    double learning_rate, muon_rate;
    enum optimizer_kind optimizer;
    double beta_2, weight_decay, clip_norm, average;
    enum averages_kind moving_averages;
    enum schedule_kind schedule;
    double rate_factor, rate_min;
    int rate_every, warmup_steps, plateau_patience;
    double plateau_min_delta;
    int plateau_cooldown;
    enum monitor monitor;
    int stop_patience;
    double stop_min_delta, stop_loss;
    enum keep keep;
    int checkpoint_seconds, seed, time_limit;
    double minutes;
    char *start_from; /* a model, or empty */
    /* Patterns of names of parameters: */
    char *start_only[PATTERNS_MAX]; /* none: all */
    int start_only_count;
    enum start_mismatch start_mismatch;
    char *freeze[PATTERNS_MAX];
    int freeze_count;
};

/* [freeze], [unfreeze] and [rate], as family.h has their keys. models/freezing.h says what they mean. */
struct freezing_config {
    char *freeze[PATTERNS_MAX], *unfreeze[PATTERNS_MAX], *rates[PATTERNS_MAX];
    int freeze_count, unfreeze_count, rate_count;
    int every; /* epochs after which both begin anew; 0: never */
};

struct device_config {
    char *platform, *device;
    char *kernels; /* auto, vector or tiled */
    char *class;   /* auto, or a name that tuning_class_named() knows */
    bool selftest;
};

struct config {
    struct model_config stages[STAGES_MAX];
    int stage_count; /* the stages after these hold defaults and are not built */
    struct data_config data;
    struct train_config train;
    struct freezing_config freezing;
    struct device_config device;
};

#endif
