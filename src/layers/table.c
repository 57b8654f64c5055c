#include "layers/layers.h"

const layer_type *const layer_table[] = {
    &conv2d_layer,   &conv2d_transpose_layer, &batch_norm_layer, &activation_layer,
    &max_pool_layer, &concat_layer,           &mse_layer,
};
const size_t layer_table_count = sizeof layer_table / sizeof *layer_table;
