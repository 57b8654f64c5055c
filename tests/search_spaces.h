/* Spaces from text, for the tests of searches. */
#ifndef TESTS_SEARCH_SPACES_H
#define TESTS_SEARCH_SPACES_H

#include "scratch.h"
#include "search/points.h"

static inline int parse(space **out, const char *text)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", text);
    return space_parse(out, copy, "s.ini", NULL, 0);
}

static inline space *space_of(const char *text)
{
    space *s = NULL;
    if (parse(&s, text))
        fail_msg("%s", error_message());
    return s;
}

static inline points draw(const space *s, long limit)
{
    points p;
    assert_int_equal(points_draw(&p, s, limit), 0);
    return p;
}

#endif
