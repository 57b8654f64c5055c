/*
 * Truths: a folder with what pictures are blends of, named as `unblend mix` names it, NAME.SOURCE.png for the picture
 * NAME.png, and how near to them the sources are that were found.
 *
 *     if (truths_look("mixtures/truth", w)) ...          before anything is computed
 *     if (truths_score("mixtures/truth", w, item, sources, any_order)) ...
 */
#ifndef SEPARATE_TRUTHS_H
#define SEPARATE_TRUTHS_H

#include "separate/worklist.h"

/* STATUS_DATA if there is no such folder, or if it holds the truths of none of the pictures; STATUS_USAGE if it is the
 * output folder. */
int truths_look(const char *folder, const worklist *w);

/*
 * Sets the item's scores, or why there are none: a truth that is missing, not readable or of another size. Gray
 * sources are compared with the truths' luma. any_order: in the order of sources that is nearest to the truths. -1
 * only if memory runs out.
 */
int truths_score(const char *folder, const worklist *w, work_item *item,
                 const struct image sources[], bool any_order);

#endif
