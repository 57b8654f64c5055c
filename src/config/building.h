/*
 * Settings in the making: settings.c fills them from defaults, file, environment and options;
 * building.c then fills in what follows from several keys, and refuses what does not go together.
 */
#ifndef CONFIG_BUILDING_H
#define CONFIG_BUILDING_H

#include "config/settings.h"

/* Where a value comes from. */
typedef struct place {
    int line;        /* in the text, or 0 */
    bool overridden; /* by --set or an option, which is stronger */
} place;

typedef struct building {
    settings *s;
    const char *origin;
    place *places;            /* one per row of the key table */
    place stages[STAGES_MAX]; /* what makes the stage */
} building;

/* After the last key. trained: of a model, maybe trained for fewer epochs than there are in a schedule of
 * freezing. */
int building_complete(building *b, bool trained);

/* Takes back what followed from other keys, which may change now. */
void building_reopen(settings *s);

#endif
