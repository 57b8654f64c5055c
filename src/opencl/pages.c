#define _DEFAULT_SOURCE /* madvise */
#include "opencl/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

void *pages_new(size_t bytes)
{
    if (bytes > SIZE_MAX - HUGE_PAGE)
        return NULL;
    size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *pages = aligned_alloc(HUGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
    if (pages)
        madvise(pages, whole, MADV_HUGEPAGE); /* a wish: what the system refuses stays as it is */
#endif
    return pages;
}
