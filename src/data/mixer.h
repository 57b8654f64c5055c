/*
 * Batches of mixtures, made on the device. Both sets are uploaded once, as bytes; a kernel draws the
 * pairs, with replacement, from a counter-based generator and writes x = (A + B) / 2 with A and B,
 * each padded from 28x28 to 32x32 and scaled to 0..1.
 */
#ifndef DATA_MIXER_H
#define DATA_MIXER_H

#include "config/settings.h"
#include "data/idx.h"
#include "opencl/kernel.h"

/* Training sets are shuffled by the seed once; the last share of each is held out. */
enum split { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST };

typedef struct mixer mixer;

/* Reads what the settings name ([data]): training sets for SPLIT_TRAIN and SPLIT_VALIDATION, test
 * sets for SPLIT_TEST; the two kinds are never in one mixer. */
int mixer_open(mixer **out, device *d, const settings *s, bool test);

/* The same from training sets in memory, square, even and at most 32 pixels wide. They stay the
 * caller's, in another order. */
int mixer_open_sets(mixer **out, device *d, const settings *s, struct image_set sets[2]);
void mixer_close(mixer *m);

/* Images of a source (0 or 1) in a split. */
int mixer_count(const mixer *m, enum split split, int source);

/*
 * Pairs number position .. position + batch - 1 of the sequence (split, seed, stream) into mixture,
 * a and b, each (batch, 32, 32, 1).
 */
int mixer_batch(mixer *m, enum split split, unsigned long seed, unsigned stream,
                unsigned long position, int batch, cl_mem mixture, cl_mem a, cl_mem b);

/* Which images those are, for whoever wants the same pairs on the host. */
void mixer_pair(const int counts[2], unsigned long seed, unsigned stream, unsigned long position,
                int images[2]);

/* One source's images as the settings name them: [data] directory / one of sources /
 * train-images-idx3-ubyte or t10k-images-idx3-ubyte, also written images.idx3-ubyte, plain or .gz. A
 * relative directory is looked for here, then beside and above the executable. */
int source_read(const settings *s, int source, bool test, struct image_set *out);

#endif
