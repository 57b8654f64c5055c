#include "nn/summary.h"

#include "base/memory.h"
#include "base/text.h"
#include <stdlib.h>

summary_row *summary_rows(const plan *p)
{
    const graph *g = p->graph;
    summary_row *rows = allocate(g->layer_count, sizeof *rows);
    for (size_t i = 0; rows && i < g->layer_count; i++) {
        const layer *l = g->layers[i];
        rows[i] = (summary_row){.name = l->name,
                                .type = l->type->name,
                                .output = l->output->shape,
                                .buffer = l->output->data_buffer,
                                .bytes = shape_count(l->output->shape) * sizeof(float)};
        if (l->skipped)
            rows[i].bytes = 0;
        for (int k = 0; k < l->param_count; k++)
            rows[i].parameters += l->params[k]->count;
    }
    return rows;
}

const char *summary_count(size_t count, char *text, size_t size)
{
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%zu", count), used = 0;
    for (size_t i = 0; i < length && used + 2 < size; i++) {
        if (i && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

int summary_print(const plan *p, FILE *out)
{
    summary_row *rows = summary_rows(p);
    if (!rows)
        return -1;
    int name = column_width(0, "layer"), type = column_width(0, "type");
    char shape[64], parameters[32], buffer[16];
    for (size_t i = 0; i < p->graph->layer_count; i++) {
        name = column_width(name, rows[i].name);
        type = column_width(type, rows[i].type);
    }
    fprintf(out, "%-*s  %-*s  %-17s  %12s  %6s  %9s\n", name, "layer", type, "type", "output",
            "parameters", "buffer", "MiB");
    for (size_t i = 0; i < p->graph->layer_count; i++) {
        const summary_row *r = &rows[i];
        snprintf(shape, sizeof shape, "%dx%dx%dx%d", r->output.n, r->output.h, r->output.w,
                 r->output.c);
        snprintf(buffer, sizeof buffer, r->buffer < 0 ? "-" : "%d", r->buffer);
        fprintf(out, "%-*s  %-*s  %-17s  %12s  %6s  %9.3f\n", name, r->name, type, r->type, shape,
                summary_count(r->parameters, parameters, sizeof parameters), buffer,
                (double)r->bytes / 1048576);
    }
    free(rows);
    return 0;
}
