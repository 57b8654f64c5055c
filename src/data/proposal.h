/*
 * Settings for pictures that nobody has trained on yet: what a survey found, and the device's memory, say size,
 * network, batch and how long an epoch is. `unblend new` writes them as a config.
 *
 *     proposal p;
 *     if (proposal_make(&p, &found, &(struct proposal_device){.info = info})) ...
 *     char *text = proposal_config(&p, &found);
 */
#ifndef DATA_PROPOSAL_H
#define DATA_PROPOSAL_H

#include "data/survey.h"
#include "opencl/device.h"
#include <stdio.h>

/* What will train. */
struct proposal_device {
    const device_info *info;     /* NULL: none is there; a CPU is assumed */
    const char *platform, *name; /* as somebody has chosen it, for [device]; NULL: nobody has */
};

typedef struct proposal {
    mixture mixture; /* names, size and channels */
    enum fit_kind fit;
    bool permutation;  /* two sources are one folder */
    int longest_side;  /* 0: no limit */
    bool photos;       /* pictures larger than those of data sets of small ones */
    bool on_gpu, fits; /* the training takes at most half the device's memory */
    size_t bytes;      /* that it takes */
    int filters, batch, steps, validation_steps;
    size_t least[PARTS]; /* pictures, of the source that has the fewest */
    struct proposal_device device;
} proposal;

/* Works on paper. STATUS_DATA for IDX files that do not go together; STATUS_USAGE for paths that no config can
 * hold. s and the texts of the device must stay. */
int proposal_make(proposal *p, const surveys *s, const struct proposal_device *device);

/* The config, with comments, which has been read back; release with free(). */
char *proposal_config(const proposal *p, const surveys *s);

/* The same, not read back. */
char *proposal_write(const proposal *p, const surveys *s);

/* The keys directory and sources of [data], without the last line's end. */
void proposal_write_sources(const surveys *s, FILE *out);

#endif
