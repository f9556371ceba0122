/* The loops that are too sequential for arrays: quantisers, rANS and both trellises.
 *
 * Every function is held by a test against a plain version in Python. All sums are of whole
 * numbers, or in an order and a rounding that are fixed (no contraction to fused multiply-adds), so
 * that the same bytes come out on every machine. Nothing is read or written beyond the sizes that
 * are given; whoever calls has checked them.
 *
 * The file is compiled once for every processor of its kind, and on x86-64 once more for those with
 * AVX2; ISN_NAME tells the two apart, and isn.kernels takes the one that runs.
 */
#include "kernels.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

static inline int64_t highest_bit(uint32_t a)
{
    return (int64_t)1 << (31 - __builtin_clz(a));
}

/* ---- Dependent quantisation (isn.codes.photos.dependent) ---------------------------------------
 */

enum { QUANTISER_STATES = 8, VECTORS = 8, RUNS = 8 * VECTORS };

typedef float floats __attribute__((vector_size(32)));
typedef int32_t wholes __attribute__((vector_size(32)));

/* Of so many runs side by side, one number each. */
typedef union {
    floats v[VECTORS];
    float one[RUNS];
} Reals;
typedef union {
    wholes v[VECTORS];
    int32_t one[RUNS];
} Integers;

static inline floats picked(wholes mask, floats yes, floats no)
{
#ifdef __AVX2__
    return (floats)_mm256_blendv_ps((__m256)no, (__m256)yes, (__m256)mask);
#else
    return (floats)(((wholes)yes & mask) | ((wholes)no & ~mask));
#endif
}

static inline wholes lesser_of(wholes a, wholes b)
{
#ifdef __AVX2__
    return (wholes)_mm256_min_epi32((__m256i)a, (__m256i)b);
#else
    const wholes less = a < b;
    return (a & less) | (b & ~less);
#endif
}

/* Zeros behind the runs that there are; where all are there, nothing is to be done. */
static inline void emptied(void *some, size_t size, int runs)
{
    if (runs < RUNS) memset(some, 0, size);
}

static inline floats magnitude(floats given)
{
    return (floats)((wholes)given & 0x7fffffff);
}

/* The nearest number of a quantiser, even or odd as mask `high` says, to sizes that lean towards
 * the smaller ones; mask `odd`: of which quantiser. */
static inline floats nearest(floats size, wholes odd, wholes high)
{
    const floats none = {0}, one = none + 1.0f, parity = picked(high, one, none);
    const floats place = (size + picked(odd, none + 0.5f, none) - parity) * 0.5f + 0.5f;
    floats whole = __builtin_convertvector(__builtin_convertvector(place, wholes), floats);
    whole += __builtin_convertvector(whole > place, floats);
    const floats number = 2.0f * whole + parity;
    return picked(~high & (size < 0.75f), none, picked(number < parity, parity, number));
}

/* Numbers, and kinds (classes, and `classes` more of the odd quantiser), of runs first to last.
 *
 * value, kind: count; number k follows number k - side. before, label: 2 x 8, the ways of the code.
 * cost: 2 x classes x (most + 1).
 */
ISN_API int32_t ISN_NAME(isn_quantise)(const float *value, const uint8_t *kind, int64_t count,
                                       int64_t side, int64_t first, int64_t last, const float *lean,
                                       const float *cost, int64_t classes, int64_t most,
                                       float worth, const uint8_t *before, const uint8_t *label,
                                       int32_t *number, uint8_t *found)
{
    const int64_t length = (count + side - 1) / side;
    const wholes no = {0}, yes = ~no;
    uint8_t from[2][QUANTISER_STATES], by[2 * QUANTISER_STATES], back[2 * QUANTISER_STATES];
    memcpy(from, before, sizeof from), memcpy(back, before, sizeof back),
        memcpy(by, label, sizeof by);
    uint8_t *chosen = malloc(length * RUNS);
    if (!chosen) return NO_MEMORY;
    for (int64_t run = first; run < last; run += RUNS) {
        const int64_t runs = last - run < RUNS ? last - run : RUNS;
        Reals totals[2][QUANTISER_STATES], *total = totals[0], *next = totals[1];
        for (int s = 0; s < QUANTISER_STATES; s++)
            for (int v = 0; v < VECTORS; v++)
                total[s].v[v] = (floats)no + (s ? 1073741824.0f : 0.0f);
        for (int64_t time = 0; time < length; time++) {
            const int64_t at = time * side + run;
            const int there = (int)(count - at < runs ? (count > at ? count - at : 0) : runs);
            Reals size, leaning, price[4], bits;
            Integers place;
            int32_t row[RUNS];
            emptied(&size, sizeof size, there), emptied(&leaning, sizeof leaning, there);
            emptied(&bits, sizeof bits, there);
            memcpy(&size, value + at, there * sizeof(float));
            for (int v = 0; v < VECTORS; v++) size.v[v] = magnitude(size.v[v]);
            for (int w = 0; w < there; w++) {
                row[w] = kind[at + w] * (int32_t)(most + 1);
                leaning.one[w] = size.one[w] - lean[kind[at + w]];
            }
            for (int each = 0; each < 4; each++) {
                const float *costs = cost + (each & 1) * classes * (most + 1);
                for (int v = 0; v < VECTORS; v++) {
                    const floats half = (floats)no + 0.5f;
                    const floats it =
                        nearest(leaning.v[v], each & 1 ? yes : no, each >> 1 ? yes : no);
                    floats steps = it;
                    if (each & 1) {
                        steps = it - picked(it > 0.0f, half, (floats)no);
                        steps = picked(steps == half, half + half / 10.0f, steps);
                    }
                    const floats error = size.v[v] - steps;
                    price[each].v[v] = error * error;
                    const wholes index = __builtin_convertvector(it, wholes);
                    const wholes end = no + (int32_t)most, above = index > end;
                    place.v[v] = (index & ~above) | (end & above);
                }
                for (int w = 0; w < there; w++) bits.one[w] = costs[row[w] + place.one[w]];
                for (int v = 0; v < VECTORS; v++) price[each].v[v] += worth * bits.v[v];
                for (int w = there; w < RUNS; w++) price[each].one[w] = 0.0f;
            }
            Integers ways = {0};
            for (int s = 0; s < QUANTISER_STATES; s++)
                for (int v = 0; v < VECTORS; v++) {
                    const floats one = total[from[0][s]].v[v] + price[by[s]].v[v];
                    const floats two = total[from[1][s]].v[v] + price[by[8 + s]].v[v];
                    const wholes better = two < one;
                    next[s].v[v] = picked(better, two, one);
                    ways.v[v] |= better & 1 << s;
                }
            for (int w = 0; w < RUNS; w++) chosen[time * RUNS + w] = (uint8_t)ways.one[w];
            Reals *const last_totals = total;
            total = next, next = last_totals;
        }
        uint8_t state[RUNS];
        for (int w = 0; w < RUNS; w++) {
            state[w] = 0;
            for (int s = 1; s < QUANTISER_STATES; s++)
                if (total[s].one[w] < total[state[w]].one[w]) state[w] = (uint8_t)s;
        }
        for (int64_t time = length; time-- > 0;) {
            const int64_t at = time * side + run;
            const int there = (int)(count - at < runs ? (count > at ? count - at : 0) : runs);
            Reals leaning, given;
            Integers each, it;
            emptied(&leaning, sizeof leaning, there), emptied(&given, sizeof given, there);
            for (int w = 0; w < RUNS; w++) {
                const int way = 8 * (chosen[time * RUNS + w] >> state[w] & 1) + state[w];
                each.one[w] = by[way];
                state[w] = back[way];
            }
            memcpy(&given, value + at, there * sizeof(float));
            for (int v = 0; v < VECTORS; v++) leaning.v[v] = magnitude(given.v[v]);
            for (int w = 0; w < there; w++) leaning.one[w] -= lean[kind[at + w]];
            for (int v = 0; v < VECTORS; v++) {
                const floats found_here =
                    nearest(leaning.v[v], (each.v[v] & 1) == 1, (each.v[v] & 2) == 2);
                const wholes signless = __builtin_convertvector(found_here, wholes);
                const wholes below = given.v[v] < 0.0f;
                it.v[v] = (signless ^ below) - below;
            }
            memcpy(number + at, &it, there * sizeof(int32_t));
            for (int w = 0; w < there; w++)
                found[at + w] = (uint8_t)(kind[at + w] + (each.one[w] & 1) * classes);
        }
    }
    free(chosen);
    return OK;
}

/* ---- rANS (isn.codes.photos.rans) --------------------------------------------------------------
 */

enum { TOTAL_BITS = 16, REACH = 96, ESCAPE = 2 * REACH + 1, SYMBOLS = ESCAPE + 1, GUESSES = 256 };

static inline int32_t half_of(int32_t shift)
{
    return (1 << shift) >> 1;
}

static inline int32_t symbol_of(int32_t number, int32_t shift, int32_t reach, int32_t *low)
{
    /* Shifts of negative numbers round down, as every compiler that is used has it. */
    const int32_t raised = (int32_t)((uint32_t)number + (uint32_t)half_of(shift));
    const int32_t high = raised >> shift;
    if (high < -reach || high > reach) return ESCAPE;
    *low = raised - (int32_t)((uint32_t)high << shift);
    return high + REACH;
}

static inline int32_t halves_of(int32_t number, int odd)
{
    return (int32_t)(2u * (uint32_t)number - (uint32_t)odd * ((number > 0) - (number < 0)));
}

/* What numbers of some kinds stand for, in half steps. */
ISN_API int32_t ISN_NAME(isn_halves)(const int32_t *number, const uint8_t *kind, int64_t count,
                                     int64_t classes, int32_t *halves)
{
    for (int64_t k = 0; k < count; k++) halves[k] = halves_of(number[k], kind[k] >= classes);
    return OK;
}

/* The bits of some numbers, to a fraction. cost: kinds x SYMBOLS. */
ISN_API double ISN_NAME(isn_bits)(const int32_t *number, const uint8_t *kind, int64_t count,
                                  const float *cost, const int32_t *shift, const int32_t *reach)
{
    double sum = 0.0;
    for (int64_t k = 0; k < count; k++) {
        int32_t low;
        sum += cost[kind[k] * SYMBOLS + symbol_of(number[k], shift[kind[k]], reach[kind[k]], &low)];
    }
    return sum;
}

/* The symbols of some numbers; their low bits, one after the other from bit `bit` on, into loose
 * (which is zero there); and those that escape. Returns how many escape, and the last bit in *bit.
 */
ISN_API int64_t ISN_NAME(isn_split)(const int32_t *number, const uint8_t *kind, int64_t count,
                                    const int32_t *shift, const int32_t *reach, uint8_t *symbol,
                                    uint8_t *loose, int64_t *bit, int32_t *escape)
{
    int64_t at = *bit, escaped = 0;
    for (int64_t k = 0; k < count; k++) {
        const int32_t wide = shift[kind[k]];
        int32_t low = 0;
        symbol[k] = (uint8_t)symbol_of(number[k], wide, reach[kind[k]], &low);
        if (symbol[k] == ESCAPE) escape[escaped++] = number[k];
        for (int32_t b = wide; b-- > 0; at++)
            loose[at >> 3] |= (uint8_t)((low >> b & 1) << (7 - (at & 7)));
    }
    *bit = at;
    return escaped;
}

/* How many low bits numbers of some kinds have together. */
ISN_API int64_t ISN_NAME(isn_low_bits)(const uint8_t *kind, int64_t count, const int32_t *shift)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < count; k++) sum += shift[kind[k]];
    return sum;
}

/* One part, backwards, onto the end of words; returns where they begin now. frequency, start: kinds
 * x SYMBOLS. There is room for a word a symbol. */
ISN_API int64_t ISN_NAME(isn_encode)(const uint8_t *symbol, const uint8_t *kind, int64_t count,
                                     uint64_t *state, int64_t side, const uint32_t *frequency,
                                     const uint32_t *start, uint32_t *words, int64_t place)
{
    for (int64_t k = count; k-- > 0;) {
        const int64_t row = kind[k] * SYMBOLS + symbol[k];
        const uint64_t often = frequency[row];
        uint64_t x = state[k % side];
        if (x >= often << (64 - TOTAL_BITS)) {
            words[--place] = (uint32_t)x;
            x >>= 32;
        }
        state[k % side] = ((x / often) << TOTAL_BITS) + x % often + start[row];
    }
    return place;
}

/* What the next numbers stand for, in half steps.
 *
 * kind: classes; way: `ways` zeros; at: places in words, escapes and loose bits, moved on; ends: of
 * each. guess: kinds x GUESSES, the symbol at the first of every 256 slots. after: 8 x 2.
 */
ISN_API int32_t ISN_NAME(isn_decode)(const uint8_t *kind, int64_t count, uint64_t *state,
                                     int64_t side, const uint32_t *words, const int32_t *escape,
                                     const uint8_t *loose, int64_t *at, const int64_t *ends,
                                     const int32_t *shift, const uint32_t *frequency,
                                     const uint32_t *start, const uint8_t *guess, int64_t classes,
                                     const uint8_t *after, uint8_t *way, int64_t ways,
                                     int32_t *halves)
{
    int64_t word = at[0], escaped = at[1], bit = at[2];
    for (int64_t base = 0, lane = 0; base < count;
         base += side, lane = lane + side < ways ? lane + side : 0) {
        const int64_t many = count - base < side ? count - base : side;
        for (int64_t w = 0; w < many; w++) {
            const int64_t k = base + w;
            const uint8_t odd = way[lane + w] & 1;
            const int64_t row = kind[k] + odd * classes;
            uint64_t x = state[w];
            const uint32_t slot = (uint32_t)(x & 0xffff);
            const uint32_t *starts = start + row * SYMBOLS;
            int32_t symbol = guess[row * GUESSES + (slot >> 8)];
            while (symbol < ESCAPE && starts[symbol + 1] <= slot) symbol++;
            x = frequency[row * SYMBOLS + symbol] * (x >> TOTAL_BITS) + slot - starts[symbol];
            if (x < (uint64_t)1 << 32) {
                if (word >= ends[0]) return DAMAGED;
                x = x << 32 | words[word++];
            }
            state[w] = x;
            const int32_t wide = shift[kind[k]];
            if (bit + wide > ends[2]) return DAMAGED;
            int32_t low = 0, number;
            for (int32_t b = 0; b < wide; b++, bit++)
                low = low << 1 | (loose[bit >> 3] >> (7 - (bit & 7)) & 1);
            if (symbol == ESCAPE) {
                if (escaped >= ends[1]) return DAMAGED;
                number = escape[escaped++];
            } else {
                number = (int32_t)((uint32_t)(symbol - REACH) << wide) + low - half_of(wide);
            }
            halves[k] = halves_of(number, odd);
            way[lane + w] = after[2 * way[lane + w] + (number & 1)];
        }
    }
    at[0] = word, at[1] = escaped, at[2] = bit;
    return OK;
}

/* ---- The carrying trellis (isn.carriers.trellis) -----------------------------------------------
 */

enum { CARRY_STATES = 32, LENGTH = 512 };

/* Bits evenly mixed over samples: before sample t, t * bits / samples of them are carried. */
typedef struct {
    int64_t bit, rest, whole, part, samples;
} Mix;

static inline Mix mix_from(int64_t sample, int64_t bits, int64_t samples)
{
    return (Mix){sample * bits / samples, sample * bits % samples, bits / samples, bits % samples,
                 samples};
}

/* How many bits the next sample carries. */
static inline int mix_next(Mix *mix)
{
    mix->rest += mix->part;
    const int more = mix->rest >= mix->samples;
    mix->rest -= more ? mix->samples : 0;
    return (int)mix->whole + more;
}

/* Samples first to last of so many, which begin runs anew, as near to the host as the code allows,
 * with their share of the bits of a content. Those that carry nothing are copied.
 *
 * moved: for each width 1 to 7, 256 x 256: the sample nearest to a value that is a number modulo
 * 2 << width. before, label: 2 x 32. taps: h0.
 */
ISN_API int32_t ISN_NAME(isn_carry)(const uint8_t *host, int64_t first, int64_t last,
                                    int64_t samples, const uint8_t *content, int64_t bits,
                                    const uint8_t *moved, const uint8_t *before,
                                    const uint8_t *label, int32_t taps, uint8_t *container)
{
    uint8_t from[2][CARRY_STATES], by[2][CARRY_STATES];
    memcpy(from, before, sizeof from), memcpy(by, label, sizeof by);
    int64_t *place = malloc(sizeof(int64_t) * LENGTH * RUNS);
    uint8_t *digit = malloc(LENGTH * RUNS), *width = malloc(LENGTH * RUNS);
    uint8_t *syndrome = malloc(LENGTH * RUNS);
    int32_t *chosen = malloc(sizeof(int32_t) * LENGTH * RUNS);
    if (!place || !digit || !width || !syndrome || !chosen) {
        free(place), free(digit), free(width), free(syndrome), free(chosen);
        return NO_MEMORY;
    }
    memcpy(container + first, host + first, last - first);
    Mix mix = mix_from(first, bits, samples);
    int64_t sample = first;
    while (sample < last) {
        /* As many runs side by side as fit, the last of them perhaps a part of one. */
        int32_t count = 0;
        for (; sample < last && count < LENGTH * RUNS; sample++) {
            const int wide = mix_next(&mix);
            if (!wide) continue;
            const int64_t byte = mix.bit >> 3, end = (mix.bit += wide);
            const int next = end > 8 * (byte + 1) ? content[byte + 1] : 0;
            const int number =
                (content[byte] << 8 | next) >> (8 * byte + 16 - end) & ((1 << wide) - 1);
            width[count] = (uint8_t)wide;
            digit[count] = (uint8_t)number;
            place[count++] = sample;
        }
        const int many = (count + LENGTH - 1) / LENGTH;
        Integers totals[2][CARRY_STATES], *total = totals[0], *next = totals[1], cost[4];
        uint8_t state[RUNS] = {0};
        memset(total, 0, sizeof totals[0]);
        for (int s = 1; s < CARRY_STATES; s++)
            for (int w = 0; w < RUNS; w++) total[s].one[w] = 1 << 30;
        for (int t = 0; t < LENGTH && many; t++) {
            emptied(cost, sizeof cost, count < LENGTH * RUNS ? 0 : RUNS);
            for (int w = 0; w < many; w++) {
                const int32_t k = w * LENGTH + t;
                if (k >= count) break;
                const int low = width[k] - 1, kept = digit[k] & ((1 << low) - 1);
                const int lowest = (digit[k] >> low ^ state[w]) & 1;
                state[w] = (uint8_t)(state[w] >> 1 ^ lowest * (taps >> 1));
                syndrome[t * RUNS + w] = (uint8_t)lowest;
                const int value = host[place[k]];
                const uint8_t *row = moved + (low * 256 + value) * 256 + kept;
                for (int each = 0; each < 4; each++) {
                    const int32_t away = row[(each ^ lowest) << low] - value;
                    cost[each].one[w] = away * away;
                }
            }
            Integers ways = {0};
            for (int s = 0; s < CARRY_STATES; s++)
                for (int v = 0; v < VECTORS; v++) {
                    const wholes one = total[from[0][s]].v[v] + cost[by[0][s]].v[v];
                    const wholes two = total[from[1][s]].v[v] + cost[by[1][s]].v[v];
                    const wholes better = two < one;
                    next[s].v[v] = lesser_of(one, two);
                    ways.v[v] |= better & (int32_t)(1u << s);
                }
            memcpy(chosen + t * RUNS, &ways, sizeof ways);
            Integers *const last_totals = total;
            total = next, next = last_totals;
        }
        memset(state, 0, sizeof state);
        for (int w = 0; w < many; w++)
            for (int s = 1; s < CARRY_STATES; s++)
                if (total[s].one[w] < total[state[w]].one[w]) state[w] = (uint8_t)s;
        for (int t = LENGTH; t-- > 0;)
            for (int w = 0; w < many; w++) {
                const int way = (uint32_t)chosen[t * RUNS + w] >> state[w] & 1;
                const int each = by[way][state[w]];
                state[w] = from[way][state[w]];
                const int32_t k = w * LENGTH + t;
                if (k >= count) continue;
                const int low = width[k] - 1, kept = digit[k] & ((1 << low) - 1);
                const uint8_t *row = moved + (low * 256 + host[place[k]]) * 256 + kept;
                container[place[k]] = row[(each ^ syndrome[t * RUNS + w]) << low];
            }
    }
    free(place), free(digit), free(width), free(syndrome), free(chosen);
    return OK;
}

/* The bits that samples first to last carry, into their places in content, which is zero there. */
ISN_API int32_t ISN_NAME(isn_read)(const uint8_t *container, int64_t first, int64_t last,
                                   int64_t samples, int64_t bits, int32_t lower, int32_t upper,
                                   uint8_t *content)
{
    Mix mix = mix_from(first, bits, samples);
    uint32_t one = 0, two = 0;
    int64_t time = 0;
    /* Bits that are still to be written, behind those that the byte has. */
    uint8_t *to = content + (mix.bit >> 3);
    int held = mix.bit & 7;
    uint32_t bits_held = held ? *to >> (8 - held) : 0;
    for (int64_t sample = first; sample < last; sample++) {
        const int low = mix_next(&mix) - 1, value = container[sample];
        if (low < 0) continue;
        if (time++ % LENGTH == 0) one = two = 0;
        one = one << 1 | (uint32_t)(value >> low & 1);
        two = two << 1 | (uint32_t)(value >> low >> 1 & 1);
        uint32_t sum = (one & (uint32_t)lower) ^ (two & (uint32_t)upper);
        sum ^= sum >> 4, sum ^= sum >> 2, sum ^= sum >> 1;
        const int number = (int)(sum & 1) << low | (value & ((1 << low) - 1));
        bits_held = bits_held << (low + 1) | (uint32_t)number;
        for (held += low + 1; held >= 8; held -= 8) *to++ = (uint8_t)(bits_held >> (held - 8));
    }
    if (held) *to = (uint8_t)(bits_held << (8 - held));
    return OK;
}

/* ---- The syndrome trellis (isn.carriers.syndrome) -----------------------------------------------
 */

/* Codes side by side, which is also how many decisions a word holds. */
enum { CODES = 16 };
/* The cost of a state that no path leads to, and the highest that is told apart of the others. They
 * are further apart than two changes cost, so that no path ever comes from nowhere. */
enum { UNREACHED = 30000, FAR = 27000 };
/* Aligned as memory from malloc is everywhere. */
typedef int16_t shorts __attribute__((vector_size(2 * CODES), aligned(2)));

/* Memory that is written once from end to end, in large pages where the system has them. */
static void *large(size_t size)
{
#ifdef MADV_HUGEPAGE
    const size_t page = (size_t)1 << 21;
    void *memory = NULL;
    if (size >= page) {
        if (posix_memalign(&memory, page, size)) return NULL;
        madvise(memory, size, MADV_HUGEPAGE);
        return memory;
    }
#endif
    return malloc(size);
}

static inline shorts lesser(shorts a, shorts b)
{
#ifdef __AVX2__
    return (shorts)_mm256_min_epi16((__m256i)a, (__m256i)b);
#else
    const shorts less = a < b;
    return (a & less) | (b & ~less);
#endif
}

/* Bits as near to those given as the code allows, in sixteen codes side by side.
 *
 * bits, cost: length x 16, what is there and what it costs to change it, 0 to 1023; column: length,
 * below 1 << height, its first and last bit 1 but where the message ends; ends: length, whether a
 * bit of the message is whole after it; message: their number x 16. height: 5 or more. changed:
 * length x 16, the bits to put there.
 */
ISN_API int32_t ISN_NAME(isn_syndrome_write)(const uint8_t *bits, const int16_t *cost,
                                             int64_t length, const uint16_t *column,
                                             const uint8_t *ends, const uint8_t *message,
                                             int32_t height, uint8_t *changed)
{
    const int64_t states = (int64_t)1 << height, words = states / CODES;
    shorts *total = malloc(sizeof(shorts) * (size_t)states);
    shorts *way = large(sizeof(shorts) * (size_t)(words * length + 1));
    if (!total || !way) {
        free(total), free(way);
        return NO_MEMORY;
    }
    for (int64_t s = 0; s < states; s++) total[s] = (shorts){0} + (int16_t)(s ? UNREACHED : 0);
    const uint8_t *said = message;
    for (int64_t t = 0; t < length; t++) {
        shorts zero, one;
        for (int w = 0; w < CODES; w++) {
            const uint8_t bit = bits[t * CODES + w];
            zero[w] = bit ? cost[t * CODES + w] : 0;
            one[w] = bit ? 0 : cost[t * CODES + w];
        }
        /* States change places in pairs: those without the column's highest bit, and those with. */
        const int64_t by = column[t], split = highest_bit(column[t]);
        for (int64_t word = 0; word < words / 2; word++) {
            shorts low_ways = {0}, high_ways = {0};
            for (int s = 0; s < CODES; s++) {
                const int64_t pair = word * CODES + s;
                const int64_t low = (pair & ~(split - 1)) << 1 | (pair & (split - 1));
                const int64_t high = low ^ by;
                const shorts a = total[low], b = total[high];
                const shorts keep = a + zero, put = b + one;
                const shorts high_keep = b + zero, high_put = a + one;
                low_ways |= (put < keep) & (int16_t)(1u << s);
                high_ways |= (high_put < high_keep) & (int16_t)(1u << s);
                total[low] = lesser(keep, put);
                total[high] = lesser(high_keep, high_put);
            }
            way[t * words + 2 * word] = low_ways;
            way[t * words + 2 * word + 1] = high_ways;
        }
        if (!ends[t]) continue;
        shorts odd, best = (shorts){0} + (int16_t)UNREACHED;
        for (int w = 0; w < CODES; w++) odd[w] = (int16_t)-*said++;
        for (int64_t s = 0; s < states / 2; s++) {
            total[s] = (total[2 * s + 1] & odd) | (total[2 * s] & ~odd);
            best = lesser(best, total[s]);
        }
        const shorts nowhere = (shorts){0} + (int16_t)UNREACHED;
        for (int64_t s = 0; s < states / 2; s++) {
            const shorts none = total[s] == nowhere;
            const shorts cost_of = lesser(total[s] - best, (shorts){0} + (int16_t)FAR);
            total[s] = (nowhere & none) | (cost_of & ~none);
        }
        for (int64_t s = states / 2; s < states; s++) total[s] = nowhere;
    }
    uint32_t state[CODES] = {0};
    for (int64_t t = length; t-- > 0;) {
        if (ends[t]) {
            said -= CODES;
            for (int w = 0; w < CODES; w++) state[w] = state[w] << 1 | said[w];
        }
        const uint32_t split = (uint32_t)highest_bit(column[t]);
        for (int w = 0; w < CODES; w++) {
            const int up = (state[w] & split) != 0;
            const uint32_t low = up ? state[w] ^ column[t] : state[w];
            const uint32_t pair = (low & ~(2 * split - 1)) >> 1 | (low & (split - 1));
            const uint16_t ways = (uint16_t)way[t * words + 2 * (pair / CODES) + up][w];
            const uint8_t bit = ways >> pair % CODES & 1;
            changed[t * CODES + w] = bit;
            state[w] ^= bit ? column[t] : 0;
        }
    }
    free(total), free(way);
    return OK;
}

/* The message in such bits: as many x 16 as there are ends. */
ISN_API int32_t ISN_NAME(isn_syndrome_read)(const uint8_t *bits, int64_t length,
                                            const uint16_t *column, const uint8_t *ends,
                                            uint8_t *message)
{
    uint16_t sum[CODES] = {0};
    for (int64_t t = 0; t < length; t++) {
        for (int w = 0; w < CODES; w++) sum[w] ^= bits[t * CODES + w] ? column[t] : 0;
        if (!ends[t]) continue;
        for (int w = 0; w < CODES; w++) *message++ = sum[w] & 1, sum[w] >>= 1;
    }
    return OK;
}

/* A window's weighted sums (isn.metrics), where it lies inside: rows x columns to rows - size + 1 x
 * columns - size + 1, by the same weights down and across. */
ISN_API int32_t ISN_NAME(isn_blur)(const double *image, int64_t rows, int64_t columns,
                                   const double *weight, int64_t size, double *out)
{
    const int64_t wide = columns - size + 1;
    double *sum = malloc(sizeof *sum * columns);
    if (!sum) return NO_MEMORY;
    for (int64_t y = 0; y + size <= rows; y++, out += wide) {
        memset(sum, 0, sizeof *sum * columns);
        memset(out, 0, sizeof *out * wide);
        for (int64_t k = 0; k < size; k++)
            for (int64_t x = 0; x < columns; x++)
                sum[x] += weight[k] * image[(y + k) * columns + x];
        for (int64_t k = 0; k < size; k++)
            for (int64_t x = 0; x < wide; x++) out[x] += weight[k] * sum[x + k];
    }
    free(sum);
    return OK;
}

/* Items in an order drawn from as many random numbers (Fisher and Yates). */
ISN_API int32_t ISN_NAME(isn_shuffle)(uint32_t *items, int64_t count, const uint32_t *random)
{
    for (int64_t k = count - 1; k > 0; k--) {
        const int64_t other = (int64_t)((uint64_t)random[k] * (uint64_t)(k + 1) >> 32);
        const uint32_t item = items[k];
        items[k] = items[other], items[other] = item;
    }
    return OK;
}

/* ---- The code that corrects what re-encoding breaks (isn.carriers.dct.ldpc) --------------------
 */

/* Beliefs are 8 times the natural logarithm of how much likelier 0 is than 1. */
enum { CERTAIN = 2047, MOST_TOLD = 511 };

/* What two beliefs of two bits say of their sum: ln(1 + exp(-x)) is taken as (22 - 8 x) / 32. */
static inline int16_t joined(int16_t a, int16_t b)
{
    const int16_t one = (int16_t)(a < 0 ? -a : a), two = (int16_t)(b < 0 ? -b : b);
    const int16_t low = one < two ? one : two, apart = (int16_t)(one < two ? two - one : one - two);
    int16_t gain = (int16_t)((22 - one - two) >> 2), loss = (int16_t)((22 - apart) >> 2);
    gain = gain < 0 ? 0 : gain, loss = loss < 0 ? 0 : loss;
    int16_t size = (int16_t)(low + gain - loss);
    size = size < 0 ? 0 : size;
    size = size > MOST_TOLD ? MOST_TOLD : size;
    return (int16_t)((a ^ b) < 0 ? -size : size);
}

/* to[s] = from[(s + shift) % size], and back. */
static inline void turned(int16_t *to, const int16_t *from, int64_t shift, int64_t size)
{
    memcpy(to, from + shift, sizeof *to * (size - shift));
    memcpy(to + size - shift, from, sizeof *to * shift);
}
static inline void turned_back(int16_t *to, const int16_t *from, int64_t shift, int64_t size)
{
    memcpy(to + shift, from, sizeof *to * (size - shift));
    memcpy(to, from + size - shift, sizeof *to * shift);
}

/* The beliefs of the bits of one row of checks: its data, its own parity, the parity before it. */
static void gathered(int16_t *to, const int16_t *belief, int64_t row, int64_t columns, int64_t rows,
                     int64_t size, int64_t degree, const int32_t *column, const int32_t *shift)
{
    for (int64_t e = 0; e < degree; e++)
        turned(to + e * size, belief + column[row * degree + e] * size, shift[row * degree + e],
               size);
    memcpy(to + degree * size, belief + (columns + row) * size, sizeof *to * size);
    to += (degree + 1) * size;
    if (row) {
        memcpy(to, belief + (columns + row - 1) * size, sizeof *to * size);
    } else {
        to[0] = CERTAIN;
        memcpy(to + 1, belief + (columns + rows - 1) * size, sizeof *to * (size - 1));
    }
}

static int is_word(int16_t *room, const int16_t *belief, int64_t columns, int64_t rows,
                   int64_t size, int64_t degree, const int32_t *column, const int32_t *shift)
{
    for (int64_t row = 0; row < rows; row++) {
        gathered(room, belief, row, columns, rows, size, degree, column, shift);
        int odd = 0;
        for (int64_t s = 0; s < size; s++) {
            int sum = 0;
            for (int64_t e = 0; e < degree + 2; e++) sum ^= room[e * size + s] < 0;
            odd |= sum;
        }
        if (odd) return 0;
    }
    return 1;
}

/* The word that beliefs mean: sums and products in layers, each a row of checks.
 *
 * belief: columns + rows times size, at most 127 either way; in the end, of all that is known.
 * column, shift: rows x degree. used: rounds that it took, one more than allowed where none came
 * out.
 */
ISN_API int32_t ISN_NAME(isn_ldpc)(int16_t *belief, int64_t columns, int64_t rows, int64_t size,
                                   int64_t degree, const int32_t *column, const int32_t *shift,
                                   int32_t rounds, int32_t *used)
{
    const int64_t wide = degree + 2;
    int16_t *told = calloc(rows * wide * size, sizeof *told);
    int16_t *heard = malloc(sizeof *heard * 3 * wide * size);
    if (!told || !heard) {
        free(told), free(heard);
        return NO_MEMORY;
    }
    int16_t *before = heard + wide * size, *after = before + wide * size;
    int32_t round = 0;
    while (!is_word(heard, belief, columns, rows, size, degree, column, shift) &&
           round++ < rounds) {
        for (int64_t row = 0; row < rows; row++) {
            int16_t *own = told + row * wide * size;
            gathered(heard, belief, row, columns, rows, size, degree, column, shift);
            for (int64_t k = 0; k < wide * size; k++) heard[k] = (int16_t)(heard[k] - own[k]);
            /* Of all bits before each, and of all after it. */
            memcpy(before + size, heard, sizeof *heard * size);
            for (int64_t k = 2 * size; k < wide * size; k++)
                before[k] = joined(before[k - size], heard[k - size]);
            memcpy(after + (wide - 2) * size, heard + (wide - 1) * size, sizeof *heard * size);
            for (int64_t e = wide - 3; e >= 0; e--)
                for (int64_t s = e * size; s < (e + 1) * size; s++)
                    after[s] = joined(after[s + size], heard[s + size]);
            memcpy(own, after, sizeof *own * size);
            for (int64_t k = size; k < (wide - 1) * size; k++) own[k] = joined(before[k], after[k]);
            memcpy(own + (wide - 1) * size, before + (wide - 1) * size, sizeof *own * size);
            for (int64_t k = 0; k < wide * size; k++) heard[k] = (int16_t)(heard[k] + own[k]);
            for (int64_t e = 0; e < degree; e++)
                turned_back(belief + column[row * degree + e] * size, heard + e * size,
                            shift[row * degree + e], size);
            memcpy(belief + (columns + row) * size, heard + degree * size, sizeof *heard * size);
            if (row)
                memcpy(belief + (columns + row - 1) * size, heard + (degree + 1) * size,
                       sizeof *heard * size);
            else
                memcpy(belief + (columns + rows - 1) * size, heard + (degree + 1) * size + 1,
                       sizeof *heard * (size - 1));
        }
    }
    *used = round;
    free(told), free(heard);
    return OK;
}

/* ---- Which of the two builds runs here ----------------------------------------------------------
 */

#ifdef ISN_PLAIN
#if defined(__x86_64__)
#include <cpuid.h>
#endif

ISN_API int32_t isn_has_avx2(void)
{
#if defined(__x86_64__)
    unsigned a, b, c, d, saved, high;
    /* That the system keeps the wide registers, and that the processor has them: AVX2, BMI2, FMA.
     */
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27) || !(c & 1u << 12)) return 0;
    __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
    if ((saved & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (b & 1u << 5) && (b & 1u << 8);
#else
    return 0;
#endif
}
#endif
