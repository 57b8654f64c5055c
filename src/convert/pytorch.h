/*
 * State dicts of PyTorch, saved as safetensors, of the networks that tools/torch_unet.py and
 * tools/torch_unet_transformer.py define: "encoder1.conv1.weight" and so on. Norms may also be nn.BatchNorm2d's and
 * nn.LayerNorm's ("weight", "bias", "running_mean"), dense layers nn.Linear's.
 */
#ifndef CONVERT_PYTORCH_H
#define CONVERT_PYTORCH_H

#include <stddef.h>

/*
 * Writes `to`, a model. Sizes are inferred from names and shapes; overrides ("section.key=value") say the rest, such
 * as the activation of a U-Net. STATUS_DATA for a file or a network that does not fit, naming the tensor and both
 * shapes.
 */
int pytorch_import(const char *from, const char *to, const char *const *overrides, size_t count);

#endif
