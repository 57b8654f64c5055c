/*
 * Pictures of a run, in its directory:
 *
 *     history.svg    the losses of history.json over the epochs, of all sources and of each, the
 *                    best epoch, the learning rate
 *     panel.png      pairs of the test sets: input, truths, the model's results, absolute errors
 *
 * The pairs are those that `unblend mix` makes of the same seed. Where the network's sources may come in any order,
 * so do the truths beside them.
 */
#ifndef PLOT_PICTURES_H
#define PLOT_PICTURES_H

#include "config/settings.h"
#include "exchange/safetensors.h"
#include "opencl/device.h"
#include "train/run_directory.h"

enum { PANEL_ROWS = 10, PANEL_ROWS_MOST = 100 };

/* history.svg. Needs no device. */
int picture_history(const char *run_directory);

/* panel.png with 1 to PANEL_ROWS_MOST rows. s names the network, the data and the seed; weights,
 * which were read from path, is the model. */
int picture_panel(device *d, const settings *s, const safetensors *weights, const char *path,
                  const char *run_directory, int rows);

/* Both, from what a finished training left in run_directory. */
int pictures_write(device *d, const settings *s, const char *run_directory);

#endif
