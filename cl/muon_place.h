/* What cl/muon.cl has to know of a matrix; one text for host and kernel. */
#ifndef MUON_PLACE_H
#define MUON_PLACE_H

typedef struct muon_place {
    int first,
        rows; /* in rows of 64 values, from the first matrix; the last row is filled up with 0 */
    float length; /* of a step: 0.2 * sqrt(the longer side) */
} muon_place;

#endif
