/*
 * c = alpha * op(a) * op(b) + beta * c for devices with long vectors and few cores (CPUs). What it
 * computes, one value after the other, for each matrix of the batch:
 *
 *     for (i < m, j < n) {
 *         float sum = 0;
 *         for (l = 0; l < k; l++)
 *             sum += a[i * a_row + l * a_column] * b[l * b_row + j * b_column];
 *         c[i * c_row + j] = alpha * sum + (beta == 0 ? 0 : beta * c[i * c_row + j]);
 *     }
 *
 * so that a transposed operand is only another pair of strides. A work-group is a single item: a
 * block of rows of one matrix, and some panels of LANES columns.
 *
 *                                 op(b), n columns
 *                               +--------+--------+--
 *               deepest rows -> | panel  |        |      copied to local memory, zero beyond n
 *                               +--------+--------+--
 *          op(a)                  LANES
 *         +------------+--      +--------+
 *    TILE | rows       |        |  sums  |               in registers
 *         +------------+--      +--------+
 *
 * A panel is copied unless it is read only a few times.
 */
#include "gemm_product.h"
#include "tile.h"
#include "transpose.h"

#ifndef TILE
#define TILE 8
#endif
#define IN_PLACE_ROWS 64 /* for so few rows of c a panel of b is not worth copying */

/* 16 columns of op(b), which lie b_column apart and each in one piece, as rows of the panel. */
void gather_columns(local float *panel, global const float *b, int b_column, int depth)
{
    int k = 0;
    for (; k + 16 <= depth; k += 16) {
        float16 rows[16];
#pragma unroll
        for (int i = 0; i < 16; i++)
            rows[i] = vload16(0, b + (size_t)i * b_column + k);
        transpose(rows);
#pragma unroll
        for (int i = 0; i < 16; i++)
            vstore16(rows[i], 0, panel + (k + i) * LANES);
    }
    for (; k < depth; k++)
        for (int i = 0; i < 16; i++)
            panel[k * LANES + i] = b[(size_t)i * b_column + k];
}

/* Copies `depth` rows and `columns` columns of op(b); zero up to LANES columns. */
void gather_panel(local float *panel, global const float *b, int b_row, int b_column, int depth,
                  int columns)
{
    for (int v = 0; v < VECTORS; v++, panel += 16, b += 16 * (size_t)b_column) {
        const int left = columns - 16 * v;
        if (left >= 16 && b_column == 1) {
            for (int k = 0; k < depth; k++)
                vstore16(vload16(0, b + (size_t)k * b_row), 0, panel + k * LANES);
        } else if (left >= 16 && b_row == 1) {
            gather_columns(panel, b, b_column, depth);
        } else {
            for (int k = 0; k < depth; k++)
                for (int i = 0; i < 16; i++)
                    panel[k * LANES + i] =
                        i < left ? b[(size_t)k * b_row + (size_t)i * b_column] : 0.0f;
        }
    }
}

/* to = alpha * sum + beta * from */
void store_row(global float *to, global const float *from, const float16 sum[VECTORS], int columns,
               float alpha, float beta)
{
    for (int v = 0; v < VECTORS; v++) {
        const float16 value = alpha * sum[v];
        if (columns >= 16 * (v + 1)) {
            vstore16(beta == 0.0f ? value : value + beta * vload16(v, from), v, to);
        } else {
            float part[16];
            vstore16(value, 0, part);
            for (int i = 16 * v; i < columns; i++)
                to[i] = part[i - 16 * v] + (beta == 0.0f ? 0.0f : beta * from[i]);
        }
    }
}

/* sum[r] += a's row r times the panel, whose rows are `stride` floats apart; a's row r is at
 * offset[r]. */
#define ADD_PRODUCT(sum, value, offset, a_column, panel, stride, depth)                            \
    for (int j = 0; j < depth; j++)                                                                \
    TILE_STEP(sum, TILE, (value)[offset[r] + j * a_column], (panel) + j * stride)

/* A block of rows of c, row0 to last - 1, in the columns from begin to end - 1. d lies as c does and is
 * what beta multiplies. Pointers are to first values; the rest is as in the kernels below. */
void multiply(global const float *a, int a_row, int a_column, global const float *b, int b_row,
              int b_column, global const float *d, global float *c, int c_row, int row0, int last,
              int begin, int end, int n, int k, int deepest, float alpha, float beta,
              local float *panel)
{
    for (int first = begin; first < end; first += LANES) {
        const int columns = min(LANES, n - first);
        const int in_place = b_column == 1 && columns == LANES && last - row0 <= IN_PLACE_ROWS;
        for (int k0 = 0; k0 < k; k0 += deepest) {
            const int depth = min(deepest, k - k0);
            global const float *from = b + (size_t)k0 * b_row + (size_t)first * b_column;
            if (!in_place)
                gather_panel(panel, from, b_row, b_column, depth, columns);
            for (int i = row0; i < last; i += TILE) {
                global const float *value = a + (size_t)i * a_row + (size_t)k0 * a_column;
                int offset[TILE]; /* rows beyond the last are computed and not stored */
#pragma unroll
                for (int r = 0; r < TILE; r++)
                    offset[r] = min(r, last - 1 - i) * a_row;
                TILE_CLEAR(sum, TILE);
                if (in_place)
                    ADD_PRODUCT(sum, value, offset, a_column, from, b_row, depth);
                else
                    ADD_PRODUCT(sum, value, offset, a_column, panel, LANES, depth);
                for (int r = 0; r < TILE && i + r < last; r++) {
                    const size_t at = (size_t)(i + r) * c_row + first;
                    store_row(c + at, (k0 ? c : d) + at, sum[r], columns, alpha, k0 ? 1.0f : beta);
                }
            }
        }
    }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm(global const float *a, ulong a_offset, int a_row, int a_column, int a_outer, int a_inner,
     global const float *b, ulong b_offset, int b_row, int b_column, int b_outer, int b_inner,
     global float *c, ulong c_offset, int c_row, int c_outer, int c_inner, int m, int n, int k,
     int block, int panels, int deepest, int inner, float alpha, float beta, local float *panel)
{
    const int row0 = get_group_id(1) * block, last = min(m, row0 + block);
    const int outer_index = get_group_id(2) / inner, inner_index = get_group_id(2) % inner;
    const int begin = get_group_id(0) * panels * LANES, end = min(n, begin + panels * LANES);
    a += a_offset + (size_t)outer_index * a_outer + (size_t)inner_index * a_inner;
    b += b_offset + (size_t)outer_index * b_outer + (size_t)inner_index * b_inner;
    c += c_offset + (size_t)outer_index * c_outer + (size_t)inner_index * c_inner;
    multiply(a, a_row, a_column, b, b_row, b_column, c, c, c_row, row0, last, begin, end, n, k,
             deepest, alpha, beta, panel);
}

/* Products of different shapes in one launch, c = alpha * op(a) * op(b) + beta * d. Work-group g does the block
 * that is g - first of the product with the largest first <= g. */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm_group(global const float *a, global const float *b, global const float *d, global float *c,
           constant gemm_product *products, int count, int deepest, float alpha, float beta,
           local float *panel)
{
    const int group = get_group_id(0);
    int i = 0;
    while (i + 1 < count && products[i + 1].first <= group)
        i++;
    constant gemm_product *p = products + i;
    const int number = group - p->first, down = number / p->across, across = number % p->across;
    const int row0 = down * p->block, begin = across * p->panels * LANES;
    multiply(a + p->a_offset, p->a_row, p->a_column, b + p->b_offset, p->b_row, p->b_column,
             d + p->c_offset, c + p->c_offset, p->c_row, row0, min(p->m, row0 + p->block), begin,
             min(p->n, begin + p->panels * LANES), p->n, p->k, deepest, alpha, beta, panel);
}
