/* Text in tables. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/* The larger of width and the length of text: for the width of a column. */
int column_width(int width, const char *text);

#endif
