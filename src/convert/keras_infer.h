/* The settings of a network from what Keras has saved of it. */
#ifndef CONVERT_KERAS_INFER_H
#define CONVERT_KERAS_INFER_H

#include "convert/found.h"
#include "convert/keras_file.h"

/*
 * architecture and sizes of [model], data.size, data.channels and, if there are not two, how many sources. STATUS_DATA
 * for a network that is neither of the two systems.
 */
int keras_infer(found *out, const keras_file *f);

#endif
