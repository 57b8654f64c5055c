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

/* With weights that sum to 1 the residual is a sum of what each source alone leaves. Sums of products of these, in
 * light, tell the mean squared residual of any weights. */
typedef struct products {
    int sources;
    double of[SOURCES_MAX][SOURCES_MAX];
} products;

static void add_products(const residual_rule *r, float input, const float values[], products *p)
{
    double left[SOURCES_MAX], gamma = r->blend.gamma, light = pow(input, gamma);
    for (int k = 0; k < r->sources; k++)
        left[k] = pow(values[k], gamma) - light;
    for (int i = 0; i < r->sources; i++)
        for (int j = 0; j < r->sources; j++)
            p->of[i][j] += left[i] * left[j];
}

/* n equations, the right side behind the last unknown; an unknown that adds nothing to the others is 0. */
typedef double equations[SOURCES_MAX][SOURCES_MAX + 1];

/* Gauss and Jordan, with pivots. */
static void solve(equations a, int n, double x[])
{
    int used[SOURCES_MAX] = {0}, row_of[SOURCES_MAX];
    for (int k = 0; k < n; k++) {
        int best = -1;
        for (int i = 0; i < n; i++)
            if (!used[i] && (best < 0 || fabs(a[i][k]) > fabs(a[best][k])))
                best = i;
        row_of[k] = best >= 0 && fabs(a[best][k]) > 1e-9 ? best : -1;
        if (row_of[k] < 0)
            continue;
        used[best] = 1;
        for (int i = 0; i < n; i++) {
            double factor = i == best ? 0 : a[i][k] / a[best][k];
            for (int j = k; j <= n && factor != 0; j++)
                a[i][j] -= factor * a[best][j];
        }
    }
    for (int k = 0; k < n; k++)
        x[k] = row_of[k] < 0 ? 0 : a[row_of[k]][n] / a[row_of[k]][k];
}

/* The weights of least error of some sources, a bit for each; the others have none. The last of them has what is
 * missing to 1. */
static void fit_some(const products *p, unsigned some, double weights[])
{
    int chosen[SOURCES_MAX] = {0}, n = -1;
    double x[SOURCES_MAX], left = 1;
    equations a;
    for (int k = 0; k < p->sources; k++) {
        weights[k] = 0;
        if (some >> k & 1)
            chosen[++n] = k;
    }
    int last = chosen[n];
    for (int i = 0; i < n; i++) {
        const double *row = p->of[chosen[i]];
        for (int j = 0; j < n; j++)
            a[i][j] = row[chosen[j]] - row[last] - p->of[last][chosen[j]] + p->of[last][last];
        a[i][n] = p->of[last][last] - row[last];
    }
    solve(a, n, x);
    for (int i = 0; i < n; i++) {
        weights[chosen[i]] = x[i];
        left -= x[i];
    }
    weights[last] = left;
}

static double error_of(const products *p, const double weights[])
{
    double sum = 0;
    for (int i = 0; i < p->sources; i++)
        for (int j = 0; j < p->sources; j++)
            sum += weights[i] * weights[j] * p->of[i][j];
    return sum;
}

static bool has_negative(const double weights[], int count)
{
    for (int k = 0; k < count; k++)
        if (weights[k] < 0)
            return true;
    return false;
}

/* The best of all weights from 0 to 1 is the best of some of the sources, where it is inside of that range. */
static void fit_all(const products *p, double weights[])
{
    double least = -1, tried[SOURCES_MAX];
    for (unsigned some = 1; some < 1u << p->sources; some++) {
        fit_some(p, some, tried);
        double error = error_of(p, tried);
        if (has_negative(tried, p->sources) || (least >= 0 && error >= least))
            continue;
        least = error;
        memcpy(weights, tried, sizeof tried);
    }
}

static double between(double low, double value, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* The first of two sources has a weight within the range; of more, each has one from 0 to 1. */
static void fit_weights(const residual_rule *r, const struct image *input,
                        const struct image sources[], float weights[])
{
    products p = {.sources = r->sources};
    double fitted[SOURCES_MAX] = {0};
    size_t count = (size_t)input->width * (size_t)input->height * (size_t)input->channels;
    for (size_t i = 0; i < count; i++) {
        float values[SOURCES_MAX];
        values_at(r, sources, i, values);
        add_products(r, pixel_value(input->pixels, image_pixel_type(input), i), values, &p);
    }
    if (r->sources == 2) {
        fit_some(&p, 3, fitted);
        fitted[0] = between(r->blend.weight_low, fitted[0], r->blend.weight_high);
        fitted[1] = 1 - fitted[0];
    } else {
        fit_all(&p, fitted);
    }
    for (int k = 0; k < r->sources; k++)
        weights[k] = (float)fitted[k];
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
