#include "device/tuning.h"

const tuning tuning_default = {
    .vectors = 2,
    .tile = 8,
    .winograd_channels = 16,
    .winograd_tiles = 16,
    .gradient_tiles = 32,
    .weight_chunks = 2,
};
