/*
 * A look at the folders that somebody wants to train on, before there is a config: what is in each of them,
 * and of what sizes. proposal.h makes settings of it.
 *
 *     surveys found;
 *     if (surveys_make(&found, folders, count)) ...
 *     surveys_release(&found);
 */
#ifndef DATA_SURVEY_H
#define DATA_SURVEY_H

#include "data/picture_files.h"
#include "image/image.h"

/* Headers that are read of a folder's pictures, evenly spread over their list; reasons that are kept. */
enum { SURVEY_LOOKS = 500, SURVEY_REASONS = 3 };

typedef struct survey {
    char *path;          /* from the root */
    bool is_idx;         /* IDX files, else files of pictures */
    size_t parts[PARTS]; /* pictures; of IDX files those for validation are among the first */
    size_t others;       /* files that are no pictures */
    size_t looked, unreadable, coloured;
    char *reasons[SURVEY_REASONS]; /* why the first of those cannot be read; NULL behind the last */
    /* Of those that can: */
    struct image_head smallest, median, largest; /* by their pixels */
    bool one_size;
    int usual_side;     /* the median of the shorter sides */
    double mean_pixels; /* of one picture */
} survey;

typedef struct surveys {
    survey of[SOURCES_MAX];
    int count;
    bool subfolders; /* at least one has its pictures in sub-folders, so those of all count */
    double validation, test; /* shares by default, as the parts were counted */
} surveys;

/*
 * 2 to 4 folders. STATUS_DATA, naming the folder, for one that cannot be read, or has fewer than two pictures
 * that can. Which pictures are for what follows from the defaults of a config. *s is empty on failure.
 */
int surveys_make(surveys *s, char *const folders[], int count);
void surveys_release(surveys *s);

/* All pictures of a folder. */
size_t survey_pictures(const survey *s);

/* How many of the pictures of folder k a training can use for that. */
size_t survey_part(const surveys *s, int k, enum picture_part part);

#endif
