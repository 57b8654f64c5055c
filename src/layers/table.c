#include "layers/layers.h"

const layer_type *const layer_table[] = {
    &conv2d_layer,
    &conv2d_transpose_layer,
    &batch_norm_layer,
    &activation_layer,
    &max_pool_layer,
    &concat_layer,
    &mse_layer,
    &layer_norm_layer,
    &position_embedding_layer,
    &dropout_layer,
    &add_layer,
    &global_pool_layer,
    &sum_pixels_layer,
    &channel_pool_layer,
    &scale_channels_layer,
    &scale_pixels_layer,
    &dense_layer,
    &attention_layer,
};
const size_t layer_table_count = sizeof layer_table / sizeof *layer_table;
