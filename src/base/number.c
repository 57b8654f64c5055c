#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum number number_whole(const char *text, long low, long high, long *out)
{
    const char *digits = text + (*text == '-');
    if (!*digits || digits[strspn(digits, "0123456789")])
        return NUMBER_MALFORMED;
    errno = 0;
    long value = strtol(text, NULL, 10);
    if (errno == ERANGE || value < low || value > high)
        return NUMBER_OUT_OF_RANGE;
    *out = value;
    return NUMBER_OK;
}

enum number number_real(const char *text, double low, double high, double *out)
{
    /* strtod alone would also take blanks, "nan", "inf" and "0x1p3". */
    if (!*text || text[strspn(text, "0123456789+-.eE")])
        return NUMBER_MALFORMED;
    char *end;
    double value = strtod(text, &end); /* an overflow is HUGE_VAL, which no range includes */
    if (end == text || *end)
        return NUMBER_MALFORMED;
    if (value < low || value > high)
        return NUMBER_OUT_OF_RANGE;
    *out = value;
    return NUMBER_OK;
}
