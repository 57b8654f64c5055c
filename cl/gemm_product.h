/* A product of a group (gemm_vector.cl); one text for host and kernel. Offsets and strides in floats. */
#ifndef GEMM_PRODUCT_H
#define GEMM_PRODUCT_H

typedef struct gemm_product {
    int a_offset, a_row, a_column, b_offset, b_row, b_column, c_offset, c_row;
    int m, n, k;
    int block, panels; /* rows and panels of columns of a work-group */
    int across, first; /* work-groups side by side; number of the first */
} gemm_product;

#endif
