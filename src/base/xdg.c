#include "base/xdg.h"

#include "base/error.h"
#include "base/files.h"
#include "base/memory.h"
#include <stdlib.h>

char *xdg_directory(const xdg_place *place)
{
    const char *own = getenv(place->own), *shared = getenv(place->variable);
    const char *home = getenv("HOME");
    if (own && *own)
        return copy_text(own);
    if (shared && *shared == '/') /* the specification ignores relative paths */
        return path_join(shared, place->below_it);
    if (home && *home)
        return path_join(home, place->below_home);
    fail(STATUS_RUNTIME, "there is no place for %s: set HOME or %s", place->what, place->own);
    return NULL;
}
