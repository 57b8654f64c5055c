/*
 * How the tensors of a view and of a sink (view.h) lie in memory: passed by value beside their
 * buffers. One text for OpenCL C and for the host (src/layers/views.h).
 */
#ifndef VIEW_LAYOUT_H
#define VIEW_LAYOUT_H

typedef struct view_layout {
    int a_channels;
    float a_slope; /* of the activation below zero; negative: nothing is to be finished */
    int b_channels;
    float b_slope;
} view_layout;

typedef struct sink_layout {
    int a_channels, a_adds; /* adds: to what is there */
    int b_channels, b_adds;
} sink_layout;

#ifndef __OPENCL_VERSION__
_Static_assert(sizeof(view_layout) == 16 && sizeof(sink_layout) == 16, "no padding");
#endif

#endif
