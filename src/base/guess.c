#include "base/guess.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 63 }; /* longer names are never close */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* The fewest insertions, removals, replacements and swaps of neighbours that make b of a. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3]
               [LONGEST + 1]; /* distances of the last three prefixes of a to every prefix of b */
    size_t length = strlen(b);
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t *reused = before;
        before = above;
        above = row;
        row = reused;
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            row[j] = above[j - 1] + !same_letter(a[i - 1], b[j - 1]);
            row[j] = smaller(row[j], 1 + smaller(above[j], row[j - 1]));
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]))
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
    }
    return row[length];
}

guess guess_of(const char *typed)
{
    size_t length = strlen(typed);
    return (guess){.typed = typed, .distance = length <= 3 ? 2 : length <= 6 ? 3 : 4};
}

void guess_offer(guess *g, const char *name, const char *shown)
{
    if (strlen(g->typed) > LONGEST || strlen(name) > LONGEST)
        return;
    size_t distance = edit_distance(g->typed, name);
    if (distance >= g->distance)
        return;
    g->distance = distance;
    snprintf(g->hint, sizeof g->hint, "; did you mean %s?", shown);
}
