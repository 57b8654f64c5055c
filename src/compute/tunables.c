#include "compute/tunables.h"

#include "base/error.h"

const char *const tuning_sections[TUNING_SECTIONS] = {"vector", "tiled", "xgemm", "xgemm_direct"};

/* CLBlast 1.5.3's names, in its order. */
enum { GEMMK, KREG, KWG, KWI, MDIMA, MDIMC, MWG, NDIMB, NDIMC, NWG, SA, SB, STRM, STRN, VWM, VWN };
enum { KWID, MDIMAD, MDIMCD, NDIMBD, NDIMCD, PADA, PADB, VWMD, VWND, WGD };

#define ROW(section_, name_, macro_, low_, high_, multiple_, count_, ...)                          \
    {                                                                                              \
        .section = (section_), .name = #name_, .macro = (macro_),                                  \
        .offset = offsetof(tuning, name_), .low = (low_), .high = (high_),                         \
        .multiple = (multiple_), .candidate_count = (count_), .candidates = {                      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define VECTOR(name, macro, low, high, count, ...)                                                 \
    ROW(SECTION_VECTOR, name, macro, low, high, 1, count, __VA_ARGS__)
#define TILED(name, macro, low, high, multiple, count, ...)                                        \
    ROW(SECTION_TILED, name, macro, low, high, multiple, count, __VA_ARGS__)
#define CLBLAST(section_, array, name_, low_, high_)                                               \
    {                                                                                              \
        .section = (section_), .name = #name_, .offset = offsetof(tuning, array[name_]),           \
        .low = (low_), .high = (high_), .multiple = 1                                              \
    }
#define XGEMM(name, low, high) CLBLAST(SECTION_XGEMM, xgemm, name, low, high)
#define DIRECT(name, low, high) CLBLAST(SECTION_XGEMM_DIRECT, xgemm_direct, name, low, high)

const tunable tunables[TUNABLES] = {
    /* name, macro, lowest, highest, candidates: how many, which */
    VECTOR(vectors, "VECTORS", 1, 2, 2, 1, 2),
    VECTOR(tile, "TILE", 2, 16, 4, 4, 6, 8, 12),
    VECTOR(winograd_channels, NULL, 0, 4096, 4, 0, 16, 32, 64),
    VECTOR(winograd_tiles, NULL, 1, 256, 3, 8, 16, 32),
    VECTOR(gradient_tiles, NULL, 1, 256, 4, 8, 16, 32, 64),
    VECTOR(weight_chunks, NULL, 1, 64, 4, 1, 2, 4, 8),
    VECTOR(fetch, "FETCH", 0, 1, 2, 0, 1),
    /* likewise, with what it is a multiple of after the highest */
    TILED(rows, "ROWS", 16, 128, 16, 3, 32, 64, 128),
    TILED(columns, "COLUMNS", 16, 128, 16, 3, 32, 64, 128),
    TILED(depth, "DEPTH", 4, 64, 1, 3, 8, 16, 32),
    XGEMM(GEMMK, 0, 0),
    XGEMM(KREG, 1, 1),
    XGEMM(KWG, 1, 256),
    XGEMM(KWI, 1, 64),
    XGEMM(MDIMA, 1, 64),
    XGEMM(MDIMC, 1, 64),
    XGEMM(MWG, 1, 256),
    XGEMM(NDIMB, 1, 64),
    XGEMM(NDIMC, 1, 64),
    XGEMM(NWG, 1, 256),
    XGEMM(SA, 0, 1),
    XGEMM(SB, 0, 1),
    XGEMM(STRM, 0, 1),
    XGEMM(STRN, 0, 1),
    XGEMM(VWM, 1, 8),
    XGEMM(VWN, 1, 8),
    DIRECT(KWID, 1, 64),
    DIRECT(MDIMAD, 1, 64),
    DIRECT(MDIMCD, 1, 64),
    DIRECT(NDIMBD, 1, 64),
    DIRECT(NDIMCD, 1, 64),
    DIRECT(PADA, 0, 1),
    DIRECT(PADB, 0, 1),
    DIRECT(VWMD, 1, 8),
    DIRECT(VWND, 1, 8),
    DIRECT(WGD, 1, 128),
};

int tunable_value(const tunable *t, const tuning *from)
{
    return *(const int *)((const char *)from + t->offset);
}

void tunable_set(const tunable *t, tuning *to, int value)
{
    *(int *)((char *)to + t->offset) = value;
}

void tuning_copy(tuning *to, const tuning *from, enum tuning_section s)
{
    for (int i = 0; i < TUNABLES; i++)
        if (tunables[i].section == s)
            tunable_set(&tunables[i], to, tunable_value(&tunables[i], from));
}

bool tuning_same(const tuning *a, const tuning *b, enum tuning_section s)
{
    for (int i = 0; i < TUNABLES; i++)
        if (tunables[i].section == s &&
            tunable_value(&tunables[i], a) != tunable_value(&tunables[i], b))
            return false;
    return true;
}

bool section_is_clblast(enum tuning_section s)
{
    return s == SECTION_XGEMM || s == SECTION_XGEMM_DIRECT;
}

bool tuning_overrides(const tuning *t, enum tuning_section s)
{
    static const tuning none = {0};
    return section_is_clblast(s) && !tuning_same(t, &none, s);
}

/* ---- What is allowed ---- */

static int check_range(const tunable *t, int value)
{
    const char *section = tuning_sections[t->section];
    if (value < t->low || value > t->high)
        return fail(STATUS_RUNTIME, "%s.%s = %d: out of range (allowed: %d to %d)", section,
                    t->name, value, t->low, t->high);
    if (value % t->multiple)
        return fail(STATUS_RUNTIME, "%s.%s = %d: no multiple of %d", section, t->name, value,
                    t->multiple);
    return 0;
}

/* CLBlast's rules, for its kernel GEMMK = 0: whole % (a * b / c) == 0. */
enum { ONE = -1 };
typedef struct rule {
    int whole, a, b, c; /* numbers of parameters */
} rule;
static const rule xgemm_rules[] = {
    {MWG, MDIMC, VWM, ONE},     {NWG, NDIMC, VWN, ONE}, {MWG, MDIMA, VWM, ONE},
    {NWG, NDIMB, VWN, ONE},     {KWG, KWI, ONE, ONE},   {KWG, MDIMC, NDIMC, MDIMA},
    {KWG, MDIMC, NDIMC, NDIMB},
};
static const rule direct_rules[] = {
    {WGD, KWID, ONE, ONE},         {WGD, MDIMCD, VWMD, ONE}, {WGD, NDIMCD, VWND, ONE},
    {WGD, MDIMAD, VWMD, ONE},      {WGD, NDIMBD, VWND, ONE}, {WGD, MDIMCD, NDIMCD, MDIMAD},
    {WGD, MDIMCD, NDIMCD, NDIMBD},
};

static int value_at(const int *values, int number)
{
    return number == ONE ? 1 : values[number];
}

static bool rule_holds(const int *values, rule r)
{
    int product = value_at(values, r.a) * value_at(values, r.b), divisor = value_at(values, r.c);
    return product % divisor == 0 && values[r.whole] % (product / divisor) == 0;
}

static int check_rules(const char *section, const int *values, const rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!rule_holds(values, rules[i]))
            return fail(STATUS_RUNTIME, "the parameters in [%s] do not fit together (rule %zu)",
                        section, i + 1);
    return 0;
}

int tuning_check(const tuning *t)
{
    for (int i = 0; i < TUNABLES; i++) {
        enum tuning_section s = tunables[i].section;
        if ((!section_is_clblast(s) || tuning_overrides(t, s)) &&
            check_range(&tunables[i], tunable_value(&tunables[i], t)))
            return -1;
    }
    if (tuning_overrides(t, SECTION_XGEMM) &&
        check_rules("xgemm", t->xgemm, xgemm_rules, sizeof xgemm_rules / sizeof *xgemm_rules))
        return -1;
    if (tuning_overrides(t, SECTION_XGEMM_DIRECT) &&
        check_rules("xgemm_direct", t->xgemm_direct, direct_rules,
                    sizeof direct_rules / sizeof *direct_rules))
        return -1;
    return 0;
}
