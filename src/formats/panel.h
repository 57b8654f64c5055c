/*
 * Panels: one PNG with rows of small gray pictures, a title left of each row.
 *
 *     const unsigned char *cells[] = {input0, input1, truth0, truth1};
 *     const char *titles[] = {"input", "truth"};
 *     panel_write("panel.png", 2, 2, 32, 32, cells, titles, 3);
 */
#ifndef FORMATS_PANEL_H
#define FORMATS_PANEL_H

/*
 * cells holds rows * columns pictures of (cell_height, cell_width) bytes, row by row; NULL leaves
 * a cell blank. row_titles holds rows texts (ASCII), or is NULL for no titles. Every picture is
 * magnified scale times (1 to 16), pixels staying square and sharp. Written atomically.
 */
int panel_write(const char *path, int rows, int columns, int cell_width, int cell_height,
                const unsigned char *const *cells, const char *const *row_titles, int scale);

#endif
