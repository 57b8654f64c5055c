/*
 * A picture of any size as data.fit wants it:
 *
 *     crop     reduced to data.longest_side if it is longer, then enlarged until data.size fits into it; what is
 *              longer than FIT_SIDE_LIMIT after that is cut off on both sides
 *     resize   scaled to data.size, whatever its shape
 *     pad      reduced until it fits into data.size; the border is made when it is blended
 *
 * Reduced by area averaging, enlarged bilinearly (image/resize.h). After `crop` a picture has at least
 * data.size, after `resize` exactly that, after `pad` at most.
 */
#ifndef DATA_FIT_H
#define DATA_FIT_H

#include "config/config.h"
#include "image/image.h"

enum { FIT_SIDE_LIMIT = 16384 };

/* In place. -1 if memory runs out; the picture stays as it was. */
int picture_fit(struct image *picture, const struct data_config *c);

#endif
