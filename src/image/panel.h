/*
 * Panels: one PNG with rows of pictures of one format, gray or in colour, with titles left of the
 * rows and above the columns.
 *
 *     const unsigned char *cells[] = {input0, input1, truth0, truth1};
 *     const char *titles[] = {"input", "truth"};
 *     panel_write("panel.png",
 *                 &(panel){2, 2, {32, 32, 1}, cells, .row_titles = titles, .side = 96});
 */
#ifndef IMAGE_PANEL_H
#define IMAGE_PANEL_H

#include "image/format.h"

enum { PANEL_SIDE_MOST = 1024 };

/* Everything is the caller's. Titles are ASCII. */
typedef struct panel {
    int rows, columns;
    struct image_format format;        /* of each picture */
    const unsigned char *const *cells; /* (rows, columns) pictures of (height, width, channels)
                                          bytes; NULL leaves a cell blank */
    const char *const *row_titles;     /* (rows), or NULL for none */
    const char *const *column_titles;  /* (columns), or NULL; lines end with \n; made smaller, then
                                          cut, where they are wider than the column */
    int side; /* a picture's longer side is drawn at most so long, 1 to PANEL_SIDE_MOST: small
                 pictures are magnified by a whole number, their pixels staying square and sharp,
                 larger ones reduced. Letters, margins and gaps grow with the cells. */
} panel;

int panel_write(const char *path, const panel *p); /* atomically */

#endif
