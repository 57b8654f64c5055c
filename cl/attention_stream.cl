/*
 * Attention that never stores its weights (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax";
 * Dao et al. 2022, "FlashAttention"). Built with SIZE, the channels of a head.
 *
 * An item has a lane of tokens (lanes.h): 16 neighbours in a vector on CPU devices, one elsewhere. It walks the tokens
 * of the other side TILE at a time, whose values are the same for the whole lane. So forward keeps a maximum, a sum
 * and SIZE channels for each query, and where a tile has a larger maximum, what was summed before shrinks. Backward
 * computes weights again from the queries' log_sums.
 *
 * q, k, v, y and their gradients: (images, tokens, heads * SIZE); log_sums, around: (images, heads, tokens).
 * Dimension 0 of a range: lanes of tokens, 1: heads, 2: images.
 */
#include "rows.h"

typedef struct place {
    int first, left; /* the lane's first token, and how many there are from it on */
    size_t stride;   /* from a token to the next */
    size_t image;    /* where the head's channels of the image's first token are */
    size_t row;      /* where the lane is in (images, heads, tokens) */
} place;

place place_of(int tokens, int heads)
{
    place p;
    const int head = get_global_id(1), image = get_global_id(2);
    p.first = get_global_id(0) * LANE;
    p.left = tokens - p.first;
    p.stride = (size_t)heads * SIZE;
    p.image = (size_t)image * tokens * p.stride + (size_t)head * SIZE;
    p.row = ((size_t)image * heads + head) * tokens + p.first;
    return p;
}

#ifdef VECTOR_DEVICE
/* The same channel of a lane of tokens. */
lane gather_lane(global const float *from, size_t stride, int left)
{
    float part[LANE];
    for (int i = 0; i < LANE; i++)
        part[i] = i < left ? from[i * stride] : 0.0f;
    return vload16(0, part);
}

/* to = value + beta * to; beta is 0 or 1, and with 0 what is there is not looked at. */
void scatter_lane(lane value, global float *to, size_t stride, int left, float beta)
{
    float part[LANE];
    vstore16(value, 0, part);
    for (int i = 0; i < min(left, LANE); i++)
        to[i * stride] = beta == 0.0f ? part[i] : part[i] + to[i * stride];
}
#else
lane gather_lane(global const float *from, size_t stride, int left)
{
    return *from;
}

void scatter_lane(lane value, global float *to, size_t stride, int left, float beta)
{
    *to = beta == 0.0f ? value : value + *to;
}
#endif

#define TILE 8
#define FOR_TILE(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

/* Where the channels of token first + j are; behind the last token, those of the last. */
#define ROW(j)                                                                                     \
    global const float *const row##j = others + (size_t)min(first + j, tokens - 1) * stride;

/* The lane's channels times those of the tile's tokens, in registers meanwhile. */
void multiply_tile(const lane *own, global const float *others, size_t stride, int first,
                   int tokens, lane *sums)
{
    FOR_TILE(ROW)
#define START(j) lane sum##j = 0.0f;
#define MULTIPLY(j) sum##j += channel * row##j[c];
#define FINISH(j) sums[j] = sum##j;
    FOR_TILE(START)
    for (int c = 0; c < SIZE; c++) {
        const lane channel = own[c];
        FOR_TILE(MULTIPLY)
    }
    FOR_TILE(FINISH)
}

/* sums += the tile's parts times its tokens' channels. What lies behind the last token has part 0. */
void add_tile(const lane *parts, global const float *others, size_t stride, int first, int tokens,
              lane *sums)
{
    FOR_TILE(ROW)
#define PART(j) const lane part##j = parts[j];
#define ADD(j) sum += part##j * row##j[c];
    FOR_TILE(PART)
    for (int c = 0; c < SIZE; c++) {
        lane sum = sums[c];
        FOR_TILE(ADD)
        sums[c] = sum;
    }
}

/* y = softmax(scale * q k^T) v, log_sums = log of the sum of exp(scale * q k^T) */
kernel void attend(global const float *q, global const float *k, global const float *v,
                   global float *y, global float *log_sums, int tokens, int heads, float scale)
{
    const place p = place_of(tokens, heads);
    if (p.left <= 0)
        return;
    lane query[SIZE], sums[SIZE], scores[TILE];
    lane most = -INFINITY, total = 0.0f;
    for (int c = 0; c < SIZE; c++) {
        query[c] = scale * gather_lane(q + p.image + p.first * p.stride + c, p.stride, p.left);
        sums[c] = 0.0f;
    }
    for (int first = 0; first < tokens; first += TILE) {
        multiply_tile(query, k + p.image, p.stride, first, tokens, scores);
        lane next = most;
        for (int j = 0; j < TILE; j++) {
            if (first + j >= tokens)
                scores[j] = -INFINITY;
            next = LARGER(next, scores[j]);
        }
        const lane shrink = exp(most - next);
        total *= shrink;
        for (int j = 0; j < TILE; j++) {
            scores[j] = exp(scores[j] - next);
            total += scores[j];
        }
        for (int c = 0; c < SIZE; c++)
            sums[c] *= shrink;
        add_tile(scores, v + p.image, p.stride, first, tokens, sums);
        most = next;
    }
    const lane part = 1.0f / total;
    for (int c = 0; c < SIZE; c++)
        scatter_lane(sums[c] * part, y + p.image + p.first * p.stride + c, p.stride, p.left, 0.0f);
    store_lane(most + log(total), log_sums + p.row, p.left);
}

#ifndef INFERENCE
/* around = the sum over channels of g * y: what a query's weights' gradients are around. */
kernel void attend_around(global const float *y, global const float *g, global float *around,
                          int tokens, int heads)
{
    const place p = place_of(tokens, heads);
    if (p.left <= 0)
        return;
    lane sum = 0.0f;
    for (int c = 0; c < SIZE; c++) {
        const size_t at = p.image + p.first * p.stride + c;
        sum += gather_lane(y + at, p.stride, p.left) * gather_lane(g + at, p.stride, p.left);
    }
    store_lane(sum, around + p.row, p.left);
}

/* dq = scale * ds k + beta * dq, with ds = weights * (g v^T - around) */
kernel void attend_backward_queries(global const float *q, global const float *k,
                                    global const float *v, global const float *g,
                                    global const float *log_sums, global const float *around,
                                    global float *dq, int tokens, int heads, float scale,
                                    float beta)
{
    const place p = place_of(tokens, heads);
    if (p.left <= 0)
        return;
    lane query[SIZE], gradient[SIZE], sums[SIZE], scores[TILE], products[TILE];
    const lane log_sum = load_lane(log_sums + p.row, p.left),
               centre = load_lane(around + p.row, p.left);
    for (int c = 0; c < SIZE; c++) {
        const size_t at = p.image + p.first * p.stride + c;
        query[c] = scale * gather_lane(q + at, p.stride, p.left);
        gradient[c] = gather_lane(g + at, p.stride, p.left);
        sums[c] = 0.0f;
    }
    for (int first = 0; first < tokens; first += TILE) {
        multiply_tile(query, k + p.image, p.stride, first, tokens, scores);
        multiply_tile(gradient, v + p.image, p.stride, first, tokens, products);
        for (int j = 0; j < TILE; j++)
            scores[j] = first + j < tokens ? exp(scores[j] - log_sum) * (products[j] - centre)
                                           : (lane)(0.0f);
        add_tile(scores, k + p.image, p.stride, first, tokens, sums);
    }
    for (int c = 0; c < SIZE; c++)
        scatter_lane(scale * sums[c], dq + p.image + p.first * p.stride + c, p.stride, p.left,
                     beta);
}

/* dk = scale * ds^T q + beta_k * dk and dv = weights^T g + beta_v * dv, where they are wanted. An item has a lane of
 * keys here. */
kernel void attend_backward_keys(global const float *q, global const float *k,
                                 global const float *v, global const float *g,
                                 global const float *log_sums, global const float *around,
                                 global float *dk, global float *dv, int tokens, int heads,
                                 float scale, float beta_k, float beta_v, int wants_k, int wants_v)
{
    const place p = place_of(tokens, heads);
    if (p.left <= 0)
        return;
    lane key[SIZE], value[SIZE], of_key[SIZE], of_value[SIZE], scores[TILE], products[TILE];
    global const float *const log_sum = log_sums + p.row - p.first, *const centre =
                                                                        around + p.row - p.first;
    for (int c = 0; c < SIZE; c++) {
        const size_t at = p.image + p.first * p.stride + c;
        key[c] = scale * gather_lane(k + at, p.stride, p.left);
        value[c] = gather_lane(v + at, p.stride, p.left);
        of_key[c] = of_value[c] = 0.0f;
    }
    for (int first = 0; first < tokens; first += TILE) {
        multiply_tile(key, q + p.image, p.stride, first, tokens, scores);
        multiply_tile(value, g + p.image, p.stride, first, tokens, products);
        for (int j = 0; j < TILE; j++) {
            const int at = min(first + j, tokens - 1);
            scores[j] = first + j < tokens ? exp(scores[j] - log_sum[at]) : (lane)(0.0f);
            products[j] = scores[j] * (products[j] - centre[at]);
        }
        if (wants_v)
            add_tile(scores, g + p.image, p.stride, first, tokens, of_value);
        if (wants_k)
            add_tile(products, q + p.image, p.stride, first, tokens, of_key);
    }
    for (int c = 0; c < SIZE; c++) {
        const size_t at = p.image + p.first * p.stride + c;
        if (wants_k)
            scatter_lane(scale * of_key[c], dk + at, p.stride, p.left, beta_k);
        if (wants_v)
            scatter_lane(of_value[c], dv + at, p.stride, p.left, beta_v);
    }
}
#endif
