#include "evaluate/residual.h"

#include "image/scores.h"
#include <math.h>
#include <string.h>

residual_rule residual_rule_of(const struct mix_config *mix, const mixture *m)
{
    residual_rule r = {.sources = m->sources, .blend = blend_rule_of(mix)};
    for (int k = 0; k < m->sources; k++)
        r.weights[k] = mixture_weight(m, k);
    return r;
}

/* Value i of every source. */
static void values_at(const residual_rule *r, const struct image sources[], size_t i,
                      float values[SOURCES_MAX])
{
    for (int k = 0; k < r->sources; k++)
        values[k] = pixel_value(sources[k].pixels, image_pixel_type(&sources[k]), i);
}

/* ---- Weights that fit ---- */

/* Normal equations for the weights of all sources but the last, which has what is missing to 1. */
typedef struct equations {
    int unknowns;
    double a[SOURCES_MAX][SOURCES_MAX + 1]; /* the right side behind the last unknown */
} equations;

static void add_equation(const residual_rule *r, float input, const float values[], equations *e)
{
    double linear[SOURCES_MAX], gamma = r->blend.gamma;
    double last = pow(values[e->unknowns], gamma);
    for (int k = 0; k < e->unknowns; k++)
        linear[k] = pow(values[k], gamma) - last;
    linear[e->unknowns] = pow(input, gamma) - last;
    for (int i = 0; i < e->unknowns; i++)
        for (int j = 0; j <= e->unknowns; j++)
            e->a[i][j] += linear[i] * linear[j];
}

/* Gauss and Jordan, with pivots; an unknown that nothing depends on becomes an equal share. */
static void solve(equations *e, double x[])
{
    int n = e->unknowns, used[SOURCES_MAX] = {0}, row_of[SOURCES_MAX];
    for (int k = 0; k < n; k++) {
        int best = -1;
        for (int i = 0; i < n; i++)
            if (!used[i] && (best < 0 || fabs(e->a[i][k]) > fabs(e->a[best][k])))
                best = i;
        row_of[k] = fabs(e->a[best][k]) > 1e-9 ? best : -1;
        if (row_of[k] < 0)
            continue;
        used[best] = 1;
        for (int i = 0; i < n; i++) {
            double factor = i == best ? 0 : e->a[i][k] / e->a[best][k];
            for (int j = k; j <= n && factor != 0; j++)
                e->a[i][j] -= factor * e->a[best][j];
        }
    }
    for (int k = 0; k < n; k++)
        x[k] = row_of[k] < 0 ? 1.0 / (n + 1) : e->a[row_of[k]][n] / e->a[row_of[k]][k];
}

static double between(double low, double value, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* The first of two sources has a weight within the range; of more, each has one from 0 to 1. */
static void fit_weights(const residual_rule *r, const struct image *input,
                        const struct image sources[], float weights[])
{
    equations e = {.unknowns = r->sources - 1};
    double x[SOURCES_MAX], left = 1;
    size_t count = (size_t)input->width * (size_t)input->height * (size_t)input->channels;
    for (size_t i = 0; i < count; i++) {
        float values[SOURCES_MAX];
        values_at(r, sources, i, values);
        add_equation(r, pixel_value(input->pixels, image_pixel_type(input), i), values, &e);
    }
    solve(&e, x);
    for (int k = 0; k < e.unknowns; k++) {
        x[k] = e.unknowns == 1 ? between(r->blend.weight_low, x[k], r->blend.weight_high)
                               : between(0, x[k], left);
        weights[k] = (float)x[k];
        left -= x[k];
    }
    weights[e.unknowns] = (float)left;
}

/* ---- The residual ---- */

double residual_measure(const residual_rule *r, const struct image *input,
                        const struct image sources[], struct image *picture)
{
    size_t count = (size_t)input->width * (size_t)input->height * (size_t)input->channels;
    float weights[SOURCES_MAX], values[SOURCES_MAX];
    double sum = 0;
    memcpy(weights, r->weights, sizeof weights);
    if (r->blend.draws_weights)
        fit_weights(r, input, sources, weights);
    for (size_t i = 0; i < count; i++) {
        values_at(r, sources, i, values);
        float residual = pixel_value(input->pixels, image_pixel_type(input), i) -
                         blend_values(r->blend, r->sources, weights, values);
        sum += (double)residual * residual;
        if (picture)
            pixel_put(picture->pixels, image_pixel_type(picture), i, 0.5f + residual / 2);
    }
    return sum / (double)count;
}
