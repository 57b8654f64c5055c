/* What program.c builds and launch.c runs; nobody else looks inside. */
#ifndef OPENCL_PROGRAM_H
#define OPENCL_PROGRAM_H

#include "opencl/kernel.h"

struct kernel {
    cl_kernel id; /* NULL: its program was built for inference and lacks it */
    char *name;
    const char *file; /* its program's */
    cl_uint argument_count;
    size_t max_work_group;
    struct kernel *next; /* of the same program */
};

/* One cl/<file>.cl built with one set of options. */
typedef struct program {
    char *file, *options;
    cl_program id;
    bool inference; /* built without the kernels of training */
    struct kernel *kernels;
    struct program *next; /* of the same device */
} program;

/* Releases the whole list and every kernel in it. */
void programs_free(program *first);

#endif
