/*
 * What the blends are like that a model was trained for, measured on those of validation, so that a picture which is
 * unlike them can be told. A model's file holds it as JSON ("typical" in its metadata):
 *
 *     {"blends": 512, "brightness": [least, most, sd], "contrast": [...], "detail": [...], "residual": [...]}
 */
#ifndef MODELS_TYPICAL_H
#define MODELS_TYPICAL_H

#include "image/format.h"
#include "image/image.h"

/* What is measured of a blend, over all its values, which are 0 to 1. */
enum trait {
    TRAIT_BRIGHTNESS, /* their mean */
    TRAIT_CONTRAST,   /* their standard deviation */
    TRAIT_DETAIL,     /* the mean absolute difference of neighbours in a row */
    TRAIT_RESIDUAL,   /* the mean squared difference to the blend of the outputs */
    TRAITS
};
typedef struct traits {
    double of[TRAITS];
} traits;

typedef struct typical {
    long blends; /* that were measured; 0: nothing is known */
    struct typical_range {
        double least, most, deviation;
    } of[TRAITS];
} typical;

/* Of a picture of m's own size without the border that m's pictures have, as of all others. */
traits typical_of_image(const struct image *picture, const mixture *m, double residual);

/* One blend more. Begins with a typical of zeros, and ends with typical_end(). */
typedef struct typical_sums {
    typical so_far;
    double sums[TRAITS], squares[TRAITS];
} typical_sums;
void typical_add(typical_sums *s, traits t);
typical typical_end(const typical_sums *s);

/* *why says in what a picture is far outside of what is typical, and is to be released with free(); NULL if it is not,
 * or if nothing is known (t may be NULL). -1 if memory runs out. */
int typical_compare(const typical *t, traits of, char **why);

/* As the file has it, to be released with free(), NULL after fail(); and back: false if the text is none. */
char *typical_as_text(const typical *t);
bool typical_read(const char *text, typical *out);

#endif
