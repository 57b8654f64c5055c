/* What a layer costs at least, on paper: operations, and bytes that must be read or written. */
#ifndef NN_COST_H
#define NN_COST_H

#include "nn/plan.h"

typedef struct cost {
    double flops; /* layer_type.flops; 0 where nobody counts them */
    double bytes; /* of inputs, outputs, parameters and their gradients, each once */
} cost;

cost cost_forward(const plan *p, const layer *l);

/* Nothing where the plan does not run it. Of data it reads what the layer's flags say; a gradient that
 * others have written to is read too. */
cost cost_backward(const plan *p, const layer *l);

/* All layers forward, and where the plan trains also backward. */
cost cost_plan(const plan *p);

#endif
