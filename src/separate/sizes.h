/*
 * Which sizes of pictures a model takes: that of its format, and the inner one, which its training
 * pictures had before they were padded. A picture of the inner size is padded in the same way, with black
 * all round, and its results are cropped again.
 */
#ifndef SEPARATE_SIZES_H
#define SEPARATE_SIZES_H

#include "image/format.h"

bool sizes_take(const mixture *m, int width, int height);

/* STATUS_DATA, naming the sizes that there are, unless they take this one. */
int sizes_check(const mixture *m, int width, int height);

#endif
