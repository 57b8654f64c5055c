/* What people take for a picture that can be read, for messages that help. */
#include "data/decode.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SPOILT_PNG                                                                                 \
    "a PNG spoilt by a transfer as text (line ends or upper bits were changed): copy it again, "   \
    "as "                                                                                          \
    "binary"
#define AS_UTF_8 "binary data that a program took for text and wrote as UTF-8: copy it again"
#define HTML "an HTML page, perhaps an error message of the server that it came from"
#define CONVERT "; convert it to PNG, JPEG or PGM"

static const struct {
    size_t place;
    const char *magic;
    size_t length;
    const char *kind;
} kinds[] = {
#define AT(place, magic, kind)                                                                     \
    {                                                                                              \
        place, magic, sizeof magic - 1, kind                                                       \
    }
    AT(0, "GIF8", "a GIF" CONVERT),
    AT(0, "II*\0", "a TIFF" CONVERT),
    AT(0, "MM\0*", "a TIFF" CONVERT),
    AT(8, "WEBP", "a WebP" CONVERT),
    AT(4, "ftypavif", "an AVIF" CONVERT),
    AT(4, "ftypavis", "an AVIF" CONVERT),
    AT(4, "ftyphe", "a HEIC, as telephones make them" CONVERT),
    AT(4, "ftypmif1", "a HEIC, as telephones make them" CONVERT),
    AT(4, "ftypmsf1", "a HEIC, as telephones make them" CONVERT),
    AT(4, "ftyp", "a film"),
    AT(4, "JXL ", "a JPEG XL" CONVERT),
    AT(0, "\xff\x0a", "a JPEG XL" CONVERT),
    AT(4, "jP  ", "a JPEG 2000" CONVERT),
    AT(0, "\xff\x4f\xff\x51", "a JPEG 2000" CONVERT),
    AT(0, "8BPS", "a Photoshop file" CONVERT),
    AT(0, "\0\0\1\0", "an icon" CONVERT),
    AT(0, "qoif", "a QOI" CONVERT),
    AT(0, "%PDF", "a PDF; export the picture in it as PNG or JPEG"),
    AT(0, "%!PS", "a PostScript file" CONVERT),
    AT(0, "PK\3\4", "a ZIP archive; unpack it first"),
    AT(0, "\x1f\x8b", "packed with gzip; unpack it first"),
    AT(0,
       "\xfd"
       "7zXZ",
       "packed with xz; unpack it first"),
    AT(0, "version https://git-lfs", "a pointer of Git LFS; `git lfs pull` brings the file itself"),
    AT(0, "\xef\xbf\xbd", AS_UTF_8),
    AT(0, "\xc2\x89PNG", AS_UTF_8),
    AT(0, "\xc3\xbf\xc3\x98", AS_UTF_8),
    AT(0, "\x89PNG", SPOILT_PNG),
    AT(0, "\tPNG", SPOILT_PNG),
    AT(0, "?PNG", SPOILT_PNG),
    AT(0, "PNG\r", SPOILT_PNG),
    AT(0, "PNG\n", SPOILT_PNG),
#undef AT
};

/* Relatives of PGM: a blank follows. */
static const char *kind_of_pnm(const unsigned char *bytes, size_t length)
{
    if (length < 3 || bytes[0] != 'P' || !isspace(bytes[2]))
        return NULL;
    switch (bytes[1]) {
    case '1':
    case '4':
        return "a PBM (black and white)" CONVERT;
    case '7':
        return "a PAM" CONVERT;
    case 'F':
    case 'f':
        return "a PFM (floating point)" CONVERT;
    }
    return NULL;
}

/* In any case, as HTML and XML are found. */
static const struct {
    const char *start, *kind;
} texts[] = {
    {"<!doctype html", HTML},
    {"<html", HTML},
    {"<!doctype svg", "an SVG" CONVERT},
    {"<svg", "an SVG" CONVERT},
};

static bool starts_with(const char *text, size_t length, const char *start)
{
    size_t size = strlen(start);
    return length >= size && !strncasecmp(text, start, size);
}

static bool holds(const char *text, size_t length, const char *wanted)
{
    for (size_t i = 0; i < length; i++)
        if (starts_with(text + i, length - i, wanted))
            return true;
    return false;
}

static const char *kind_of_text(const char *text, size_t length)
{
    enum { LOOKED_AT = 2000 };
    if (starts_with(text, length, "\xef\xbb\xbf"))
        text += 3, length -= 3;
    while (length && isspace((unsigned char)*text))
        text++, length--;
    if (length > LOOKED_AT)
        length = LOOKED_AT;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (starts_with(text, length, texts[i].start))
            return texts[i].kind;
    if (starts_with(text, length, "<?xml"))
        return holds(text, length, "<svg") ? "an SVG" CONVERT : "an XML text";
    for (size_t i = 0; i < length; i++)
        if (!isspace((unsigned char)text[i]) && (unsigned char)text[i] < ' ')
            return NULL;
    return "a text";
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i])
            return false;
    return true;
}

const char *file_kind(const unsigned char *bytes, size_t length)
{
    enum { START = 64 };
    if (length && length < 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", length))
        return "a PNG cut short within its first 8 bytes";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (length >= kinds[i].place + kinds[i].length &&
            !memcmp(bytes + kinds[i].place, kinds[i].magic, kinds[i].length))
            return kinds[i].kind;
    const char *kind = kind_of_pnm(bytes, length);
    if (!kind)
        kind = kind_of_text((const char *)bytes, length);
    if (!kind && length > 2 && !memcmp(bytes, "BM", 2))
        kind = "a BMP" CONVERT;
    if (!kind && is_zero(bytes, length < START ? length : START))
        kind = "only zero bytes where its header should be; perhaps a copy was cut short";
    return kind;
}
