/*
 * Fetching ahead: memory that will soon be read or written is brought near while arithmetic goes on,
 * so that nobody waits for it. A hint for CPUs; with FETCH 0, and where the compiler has no such
 * builtin, nothing happens.
 */
#ifndef FETCH_H
#define FETCH_H

#if FETCH && defined(VECTOR_DEVICE) && defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define CAN_FETCH 1
#endif
#endif

/* So many floats, in whole lines of 16. The builtin wants a pointer without address space. */
static inline void fetch(global const float *from, int floats)
{
#ifdef CAN_FETCH
    for (int i = 0; i < floats; i += 16)
        __builtin_prefetch((const void *)(uintptr_t)(from + i));
#endif
}

#endif
