/* What cl/muon.cl has to know of a matrix; one text for host and kernel. */
#ifndef MUON_PLACE_H
#define MUON_PLACE_H

typedef struct muon_place {
    int gram;     /* where its Gram matrix begins, in floats */
    int side;     /* of the Gram matrix */
    float length; /* of a step: 0.2 * sqrt(the longer side) */
} muon_place;

#endif
