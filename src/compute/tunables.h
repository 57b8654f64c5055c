/*
 * The table of everything in a tuning (opencl/tuning.h): profiles and the tuner follow from it.
 *
 *     for (int i = 0; i < TUNABLES; i++)
 *         printf("%s = %d\n", tunables[i].name, tunable_value(&tunables[i], &d->tuning));
 */
#ifndef COMPUTE_TUNABLES_H
#define COMPUTE_TUNABLES_H

#include "opencl/tuning.h"
#include <stddef.h>

enum tuning_section { SECTION_VECTOR, SECTION_TILED, SECTION_XGEMM, SECTION_XGEMM_DIRECT };
enum {
    TUNING_SECTIONS = SECTION_XGEMM_DIRECT + 1,
    TUNABLES = 10 + XGEMM_PARAMETERS + XGEMM_DIRECT_PARAMETERS,
    CANDIDATES_MAX = 4
};
extern const char *const tuning_sections[TUNING_SECTIONS]; /* as profiles name them */

typedef struct tunable {
    enum tuning_section section;
    const char *name;
    const char *macro; /* by which kernels are built with it; NULL: they are not */
    size_t offset;     /* in struct tuning */
    int low, high;     /* allowed, */
    int multiple;      /* in multiples of this */
    int candidate_count;
    int candidates[CANDIDATES_MAX]; /* what the tuner tries; none for CLBlast's */
} tunable;

extern const tunable tunables[TUNABLES]; /* section by section */

int tunable_value(const tunable *t, const tuning *from);
void tunable_set(const tunable *t, tuning *to, int value);

/* A section's values: copied, compared. */
void tuning_copy(tuning *to, const tuning *from, enum tuning_section s);
bool tuning_same(const tuning *a, const tuning *b, enum tuning_section s);

/* CLBlast's parameters override its own as a whole section or not at all. */
bool section_is_clblast(enum tuning_section s);
/* Whether t overrides those of section s; false of a section that is not CLBlast's. */
bool tuning_overrides(const tuning *t, enum tuning_section s);

/* 0 if every value is allowed, and CLBlast's fit together; else -1, naming what is not. */
int tuning_check(const tuning *t);

#endif
