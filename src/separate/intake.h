/*
 * Which pictures a model takes, and what it takes apart in them.
 *
 * A picture has the format that the network was built for, or the inner size: that of the training
 * pictures before they were padded. The latter is padded in the same way, with black pixels all round,
 * and its results are cropped again.
 */
#ifndef SEPARATE_INTAKE_H
#define SEPARATE_INTAKE_H

#include "image/format.h"
#include "models/model_file.h"

typedef struct intake {
    mixture mixture;
    int inner_height, inner_width; /* at most the format's */
} intake;

/* What the model's settings say. */
void intake_of(const model_file *file, intake *out);

/* Whether the model takes pictures of that size. */
bool intake_takes(const intake *i, int width, int height);

/* STATUS_DATA, naming the sizes that there are, unless it does. */
int intake_check(const intake *i, int width, int height);

#endif
