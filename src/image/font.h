/* A small font for labels in pictures: 5 x 9 pixels, printable ASCII. */
#ifndef IMAGE_FONT_H
#define IMAGE_FONT_H

#include <stdbool.h>

#define FONT_WIDTH 5
#define FONT_HEIGHT 9  /* capitals take the upper 7, descenders the rest */
#define FONT_ADVANCE 6 /* from one letter to the next */

/* Whether the pixel at column x, row y of a letter is inked. What is not printable ASCII looks like
 * a question mark. */
bool font_pixel(char letter, int x, int y);

#endif
