/*
 * Every kernel that a network would run, at the network's own shapes, each distinct case once.
 * `unblend selftest` prints the outcomes; training runs a quick one before its first step.
 */
#ifndef CHECK_NETWORK_CHECK_H
#define CHECK_NETWORK_CHECK_H

#include "check/layer_check.h"
#include "config/settings.h"
#include "models/network.h"

typedef struct outcome {
    layer_case what;
    shape output;
    check_report report;
    char *error; /* NULL: passed */
} outcome;

typedef struct network_check {
    params *params;
    network *network; /* on paper; the cases' options live in it */
    outcome *items;
    size_t count, capacity;
} network_check;

/* Lists the cases of the network that the settings describe, for `batch` images whose sides are cut
 * to side_limit. Release it also after a failure. */
int network_check_list(network_check *c, const settings *s, int batch, int side_limit);
void network_check_release(network_check *c);

/* Checks one case. A wrong result is an outcome; -1 if it could not be run at all. */
int network_check_case(device *d, outcome *o, struct check_effort effort);
size_t network_check_failed(const network_check *c);

/* STATUS_SELFTEST if any of the cases that were run has failed, naming the first. */
int network_check_verdict(const network_check *c, const device *d);

/* All of these with CHECK_QUICK, nothing printed. */
int network_check_run(device *d, const settings *s, int batch, int side_limit);
/* The same for one small image. */
int network_check_quick(device *d, const settings *s);

#endif
