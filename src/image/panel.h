/*
 * Panels: one PNG with rows of small gray pictures, with titles left of the rows and above the
 * columns.
 *
 *     const unsigned char *cells[] = {input0, input1, truth0, truth1};
 *     const char *titles[] = {"input", "truth"};
 *     panel_write("panel.png", &(panel){2, 2, 32, 32, cells, .row_titles = titles, .scale = 3});
 */
#ifndef IMAGE_PANEL_H
#define IMAGE_PANEL_H

/* Everything is the caller's. Titles are ASCII. */
typedef struct panel {
    int rows, columns;
    int cell_width, cell_height;
    const unsigned char *const *cells; /* (rows, columns) pictures of (cell_height, cell_width)
                                          bytes; NULL leaves a cell blank */
    const char *const *row_titles;     /* (rows), or NULL for none */
    const char *const *column_titles;  /* (columns), or NULL; lines end with \n; made smaller, then
                                          cut, where they are wider than the column */
    int scale; /* each picture is magnified 1 to 16 times, pixels staying square and sharp */
} panel;

int panel_write(const char *path, const panel *p); /* atomically */

#endif
