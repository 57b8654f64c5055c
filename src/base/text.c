#include "base/text.h"

#include <string.h>

int column_width(int width, const char *text)
{
    int length = (int)strlen(text);
    return length > width ? length : width;
}
