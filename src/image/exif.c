/* EXIF data: a TIFF without a picture, of which the first directory is looked at. */
#include "image/decode.h"
#include <string.h>

enum { TIFF_HEADER = 8, ENTRY = 12, SHORT_VALUE = 3, LONG_VALUE = 4, RATIONAL_VALUE = 5 };
enum { ORIENTATION = 0x0112, ACROSS = 0x011a, DOWN = 0x011b, RESOLUTION_UNIT = 0x0128 };
enum { INCH = 2, CENTIMETRE = 3 };

struct reader {
    const unsigned char *tiff;
    size_t length;
    bool big_endian;
};

static unsigned long number_at(const struct reader *r, const unsigned char *p, int bytes)
{
    unsigned long value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | p[r->big_endian ? i : bytes - 1 - i];
    return value;
}

/* An entry is tag (2 bytes), type (2), count (4) and, if it fits into 4 bytes, the value. NULL if there is
 * none of one value. */
static const unsigned char *find_entry(const struct reader *r, unsigned tag)
{
    size_t place = number_at(r, r->tiff + 4, 4);
    if (place > r->length || r->length - place < 2)
        return NULL;
    size_t count = number_at(r, r->tiff + place, 2);
    place += 2;
    for (size_t i = 0; i < count && r->length - place >= ENTRY; i++, place += ENTRY)
        if (number_at(r, r->tiff + place, 2) == tag)
            return number_at(r, r->tiff + place + 4, 4) == 1 ? r->tiff + place : NULL;
    return NULL;
}

static unsigned long whole_number(const struct reader *r, unsigned tag, unsigned long otherwise)
{
    const unsigned char *entry = find_entry(r, tag);
    unsigned long type = entry ? number_at(r, entry + 2, 2) : 0;
    if (type != SHORT_VALUE && type != LONG_VALUE)
        return otherwise;
    return number_at(r, entry + 8, type == SHORT_VALUE ? 2 : 4);
}

/* The value is elsewhere: two numbers of 4 bytes. 0 if it cannot be read. */
static double ratio(const struct reader *r, unsigned tag)
{
    const unsigned char *entry = find_entry(r, tag);
    if (!entry || number_at(r, entry + 2, 2) != RATIONAL_VALUE)
        return 0;
    size_t place = number_at(r, entry + 8, 4);
    if (place > r->length || r->length - place < 8)
        return 0;
    unsigned long divisor = number_at(r, r->tiff + place + 4, 4);
    return divisor ? (double)number_at(r, r->tiff + place, 4) / (double)divisor : 0;
}

struct exif exif_read(const unsigned char *tiff, size_t length)
{
    struct exif e = {.orientation = 1};
    if (length < TIFF_HEADER || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return e;
    const struct reader r = {tiff, length, tiff[0] == 'M'};
    unsigned long orientation = whole_number(&r, ORIENTATION, 1);
    if (orientation >= 1 && orientation <= 8)
        e.orientation = (int)orientation;
    unsigned long unit = whole_number(&r, RESOLUTION_UNIT, INCH);
    double units = unit == INCH ? 1 / 0.0254 : unit == CENTIMETRE ? 100 : 0;
    e.per_metre[0] = ratio(&r, ACROSS) * units;
    e.per_metre[1] = ratio(&r, DOWN) * units;
    return e;
}

void add_exif_resolution(struct image_tags *tags, const struct exif *e)
{
    if (!tags->per_metre[0])
        memcpy(tags->per_metre, e->per_metre, sizeof tags->per_metre);
}
