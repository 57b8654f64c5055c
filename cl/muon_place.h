/* What cl/muon.cl has to know of a matrix; one text for host and kernel. */
#ifndef MUON_PLACE_H
#define MUON_PLACE_H

#define MUON_ROW 64 /* values */

typedef struct muon_place {
    /* In rows of MUON_ROW, from the first matrix; the last row is filled up with 0. */
    int first, rows;
    float length; /* of a step: 0.2 * sqrt(the longer side) */
} muon_place;

#endif
