/*
 * c = alpha * op(a) * op(b) + beta * c for devices with long vectors and few cores (CPUs).
 *
 * A work-group is a single item: a panel of LANES columns and a block of rows of one matrix of the
 * batch. It copies DEPTH rows of op(b)'s panel to local memory, zero beyond n, and walks tiles of
 * TILE rows x LANES columns with their sums in registers. Element (i, k) of op(a) lies at
 * a[i * a_row + k * a_column], so that a transposed operand is only another pair of strides.
 */
#include "tile.h"

#ifndef TILE
#define TILE 8
#endif
#define DEPTH 384

void gather_panel(local float *panel, global const float *b, int b_row, int b_column, int depth,
                  int columns)
{
    for (int k = 0; k < depth; k++) {
        global const float *from = b + (size_t)k * b_row;
        if (b_column == 1 && columns == LANES) {
            for (int v = 0; v < VECTORS; v++)
                vstore16(vload16(v, from), v, panel + k * LANES);
        } else {
            for (int i = 0; i < LANES; i++)
                panel[k * LANES + i] = i < columns ? from[(size_t)i * b_column] : 0.0f;
        }
    }
}

void store_row(global float *to, const float16 sum[VECTORS], int columns, float alpha, float beta)
{
    for (int v = 0; v < VECTORS; v++) {
        const float16 value = alpha * sum[v];
        if (columns >= 16 * (v + 1)) {
            vstore16(beta == 0.0f ? value : value + beta * vload16(v, to), v, to);
        } else {
            float part[16];
            vstore16(value, 0, part);
            for (int i = 16 * v; i < columns; i++)
                to[i] = part[i - 16 * v] + (beta == 0.0f ? 0.0f : beta * to[i]);
        }
    }
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
gemm(global const float *a, ulong a_offset, int a_row, int a_column, int a_outer, int a_inner,
     global const float *b, ulong b_offset, int b_row, int b_column, int b_outer, int b_inner,
     global float *c, ulong c_offset, int c_row, int c_outer, int c_inner, int m, int n, int k,
     int block, int inner, float alpha, float beta, local float *panel)
{
    const int first = get_group_id(0) * LANES, row0 = get_group_id(1) * block;
    const int outer_index = get_group_id(2) / inner, inner_index = get_group_id(2) % inner;
    const int columns = min(LANES, n - first), last = min(m, row0 + block);
    a += a_offset + (size_t)outer_index * a_outer + (size_t)inner_index * a_inner;
    b += b_offset + (size_t)outer_index * b_outer + (size_t)inner_index * b_inner +
         (size_t)first * b_column;
    c += c_offset + (size_t)outer_index * c_outer + (size_t)inner_index * c_inner + first;

    for (int k0 = 0; k0 < k; k0 += DEPTH) {
        const int depth = min(DEPTH, k - k0);
        gather_panel(panel, b + (size_t)k0 * b_row, b_row, b_column, depth, columns);
        for (int i = row0; i < last; i += TILE) {
            global const float *value = a + (size_t)k0 * a_column;
            int offset[TILE]; /* rows beyond the last are computed and not stored */
#pragma unroll
            for (int r = 0; r < TILE; r++)
                offset[r] = min(i + r, last - 1) * a_row;
            TILE_CLEAR(sum, TILE);
            for (int j = 0; j < depth; j++, value += a_column)
                TILE_STEP(sum, TILE, value[offset[r]], panel + j * LANES);
            for (int r = 0; r < TILE && i + r < last; r++)
                store_row(c + (size_t)(i + r) * c_row, sum[r], columns, alpha,
                          k0 ? 1.0f : beta);
        }
    }
}
