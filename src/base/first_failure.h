/*
 * The first failure among several threads. What fail() records belongs to its thread; this carries it over to
 * the one that started them.
 *
 *     first_failure failure;
 *     first_failure_init(&failure);
 *     ... in a thread:  if (do_it()) first_failure_note(&failure);
 *     ... afterwards:   int result = first_failure_report(&failure);
 *     first_failure_release(&failure);
 */
#ifndef BASE_FIRST_FAILURE_H
#define BASE_FIRST_FAILURE_H

#include "base/error.h"
#include <pthread.h>

typedef struct first_failure {
    pthread_mutex_t lock; /* of what follows */
    enum status status;   /* STATUS_OK: none so far */
    char *message;        /* NULL also if there was no memory for it */
} first_failure;

void first_failure_init(first_failure *f);
void first_failure_release(first_failure *f);

/* What this thread's last fail() recorded, unless another was first. */
void first_failure_note(first_failure *f);

/* 0, or records it as this thread's and returns -1. */
int first_failure_report(first_failure *f);

#endif
