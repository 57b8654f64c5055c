/* The layer table of a plan, as Keras' summary() prints it: what people look at first. */
#ifndef NN_SUMMARY_H
#define NN_SUMMARY_H

#include "nn/plan.h"
#include <stdio.h>

typedef struct summary_row {
    const char *name, *type; /* the layer's; as long as the graph */
    shape output;
    size_t parameters;
    int buffer;   /* the plan's number of the buffer that holds the output; -1 for none */
    size_t bytes; /* of the output */
} summary_row;

/* One row a layer, in the order they run; release with free(). NULL without memory. */
summary_row *summary_rows(const plan *p);

/* The rows as a table. */
int summary_print(const plan *p, FILE *out);

/* "2,071,682"; returns text. */
const char *summary_count(size_t count, char *text, size_t size);

#endif
