/* Rows of a PNG and what deflate makes of them, for photos (isn.images.quick).
 *
 * Of each row that filter is taken whose differences are least in sum (PNG 3, section 12.7). They
 * are coded by Huffman's codes of their own for each block (RFC 1951); of repetition only runs of
 * one byte are looked for, for a photo has no other.
 */
#include "kernels.h"

/* Bytes of a block; symbols of bytes and lengths; the longest codes of these and of code lengths;
 * and the shortest and longest run. */
enum { BLOCK = 1 << 17, SYMBOLS = 286, LONGEST = 15, LENGTHS = 16, SHORT_LONGEST = 7 };
enum { LEAST_RUN = sizeof(uint64_t), MOST_RUN = 258, END = 256, FILTERS = 5 };

/* ---- Filters ------------------------------------------------------------------------------------
 */

static inline uint8_t paeth(int left, int up, int corner)
{
    const int a = abs(up - corner), b = abs(left - corner), c = abs(left + up - 2 * corner);
    return (uint8_t)(a <= b && a <= c ? left : b <= c ? up : corner);
}

/* A row by filters 0 to 4, each `size` bytes; `step` zeros lie before both rows. */
static void filtered(const uint8_t *row, const uint8_t *above, int64_t size, int64_t step,
                     uint8_t *out)
{
    uint8_t *sub = out + size, *up = sub + size, *average = up + size, *by_paeth = average + size;
    memcpy(out, row, size);
    for (int64_t k = 0; k < size; k++) sub[k] = (uint8_t)(row[k] - row[k - step]);
    for (int64_t k = 0; k < size; k++) up[k] = (uint8_t)(row[k] - above[k]);
    for (int64_t k = 0; k < size; k++)
        average[k] = (uint8_t)(row[k] - ((row[k - step] + above[k]) >> 1));
    for (int64_t k = 0; k < size; k++)
        by_paeth[k] = (uint8_t)(row[k] - paeth(row[k - step], above[k], above[k - step]));
}

static int64_t weight(const uint8_t *row, int64_t size)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < size; k++) sum += row[k] < 128 ? row[k] : 256 - row[k];
    return sum;
}

/* Rows first to last of rows of `size` bytes, `step` bytes a pixel, each behind its filter. */
ISN_API int32_t ISN_NAME(isn_filter)(const uint8_t *pixels, int64_t first, int64_t last,
                                     int64_t size, int64_t step, uint8_t *out)
{
    uint8_t *room = calloc(2 * (step + size) + FILTERS * size, 1);
    if (!room) return NO_MEMORY;
    uint8_t *row = room + step, *above = row + size + step, *tried = above + size;
    if (first) memcpy(above, pixels + (first - 1) * size, size);
    for (int64_t y = first; y < last; y++, out += 1 + size) {
        memcpy(row, pixels + y * size, size);
        filtered(row, above, size, step, tried);
        int best = 0;
        int64_t least = weight(tried, size);
        for (int each = 1; each < FILTERS; each++) {
            const int64_t sum = weight(tried + each * size, size);
            if (sum < least) least = sum, best = each;
        }
        out[0] = (uint8_t)best;
        memcpy(out + 1, tried + best * size, size);
        memcpy(above, row, size);
    }
    free(room);
    return OK;
}

/* ---- Deflate ------------------------------------------------------------------------------------
 */

typedef struct {
    uint8_t *to;
    uint64_t bits;
    int held;
} Writer;

static inline void put(Writer *writer, uint64_t bits, int count)
{
    writer->bits |= bits << writer->held;
    writer->held += count;
    /* Without a branch, which nobody could foresee. */
    const int whole = writer->held >> 5;
    for (int k = 0; k < 4; k++) writer->to[k] = (uint8_t)(writer->bits >> 8 * k);
    writer->to += 4 * whole, writer->held -= 32 * whole, writer->bits >>= 32 * whole;
}

/* Zeros up to a whole byte, and all that is held. */
static void flush(Writer *writer)
{
    for (; writer->held > 0; writer->held -= 8, writer->bits >>= 8)
        *writer->to++ = (uint8_t)writer->bits;
    writer->held = 0;
}

/* Lengths of Huffman's code of some symbols, 0 where one never occurs; returns the longest. */
static int lengths_of(const uint32_t *often, int count, uint8_t *length)
{
    int order[SYMBOLS], parent[2 * SYMBOLS], used = 0;
    uint64_t sum[2 * SYMBOLS];
    for (int s = 0; s < count; s++) {
        length[s] = 0;
        if (!often[s]) continue;
        int at = used++;
        for (; at && often[order[at - 1]] > often[s]; at--) order[at] = order[at - 1];
        order[at] = s;
    }
    for (int k = 0; k < used; k++) sum[k] = often[order[k]];
    /* The two rarest are joined, from leaves and from nodes, which both come in ascending order. */
    int leaf = 0, node = used;
    for (int made = used; made < 2 * used - 1; made++) {
        sum[made] = 0;
        for (int two = 0; two < 2; two++) {
            const int one =
                leaf < used && (node == made || sum[leaf] <= sum[node]) ? leaf++ : node++;
            parent[one] = made, sum[made] += sum[one];
        }
    }
    int longest = 0, depth[2 * SYMBOLS];
    depth[used > 0 ? 2 * used - 2 : 0] = used == 1;
    for (int k = 2 * used - 3; k >= 0; k--) depth[k] = depth[parent[k]] + 1;
    for (int k = 0; k < used; k++) {
        length[order[k]] = (uint8_t)depth[k];
        longest = depth[k] > longest ? depth[k] : longest;
    }
    return longest;
}

/* Codes of some symbols, bits in the order in which they are written, and their lengths. */
static void codes_of(uint32_t *often, int count, int limit, uint8_t *length, uint16_t *code)
{
    while (lengths_of(often, count, length) > limit)
        for (int s = 0; s < count; s++) often[s] = (often[s] + 1) / 2;
    unsigned next = 0;
    for (int bits = 1; bits <= limit; bits++, next <<= 1)
        for (int s = 0; s < count; s++) {
            if (length[s] != bits) continue;
            unsigned turned = 0;
            for (int b = 0; b < bits; b++) turned |= (next >> b & 1) << (bits - 1 - b);
            code[s] = (uint16_t)turned, next++;
        }
}

/* How long a run of the byte before begins here; 0 where it is too short to be worth it. */
static inline int64_t run_at(const uint8_t *from, int64_t left)
{
    uint64_t here, before;
    if (left < LEAST_RUN) return 0;
    memcpy(&here, from, sizeof here), memcpy(&before, from - 1, sizeof before);
    if (here != before) return 0;
    int64_t run = LEAST_RUN;
    while (run < left && run < MOST_RUN && from[run] == from[-1]) run++;
    return run;
}

/* The symbol of a run's length, its further bits and how many they are. */
static int symbol_of(int64_t run, int *bits, int *count)
{
    *bits = *count = 0;
    if (run == MOST_RUN) return 285;
    const int above = (int)run - 3;
    if (above < 8) return 257 + above;
    *count = 29 - __builtin_clz((unsigned)above);
    *bits = above & ((1 << *count) - 1);
    return 257 + 4 * *count + (above >> *count);
}

/* One block, and the writer after it. begins: whether nothing lies before it. */
static Writer block_written(Writer writer, const uint8_t *from, int64_t size, int begins, int last)
{
    uint32_t often[SYMBOLS] = {0}, often_length[LENGTHS] = {0};
    uint8_t length[SYMBOLS] = {0}, length_length[LENGTHS];
    uint16_t code[SYMBOLS] = {0}, length_code[LENGTHS];
    int bits, count;
    for (int64_t k = 0, run; k < size; k += run ? run : 1) {
        run = k || !begins ? run_at(from + k, size - k) : 0;
        often[run ? symbol_of(run, &bits, &count) : from[k]]++;
    }
    often[END] = 1;
    codes_of(often, SYMBOLS, LONGEST, length, code);
    /* One distance, 1, of one bit. */
    for (int s = 0; s < SYMBOLS; s++) often_length[length[s]]++;
    often_length[1]++;
    codes_of(often_length, LENGTHS, SHORT_LONGEST, length_length, length_code);
    put(&writer, (uint64_t)(last | 2 << 1), 3);
    put(&writer, (uint64_t)(SYMBOLS - 257), 5), put(&writer, 0, 5), put(&writer, 19 - 4, 4);
    static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    for (int k = 0; k < 19; k++) put(&writer, order[k] < LENGTHS ? length_length[order[k]] : 0, 3);
    for (int s = 0; s < SYMBOLS; s++)
        put(&writer, length_code[length[s]], length_length[length[s]]);
    put(&writer, length_code[1], length_length[1]);
    for (int64_t k = 0, run; k < size; k += run ? run : 1) {
        run = k || !begins ? run_at(from + k, size - k) : 0;
        const int symbol = run ? symbol_of(run, &bits, &count) : from[k];
        put(&writer, code[symbol], length[symbol]);
        if (run) put(&writer, (uint64_t)bits, count + 1);
    }
    put(&writer, code[END], length[END]);
    return writer;
}

/* A piece of a stream, that ends with a byte; returns how many it takes, at most twice as many as
 * are given, and BLOCK more. last: whether it is the last piece. */
ISN_API int64_t ISN_NAME(isn_deflate)(const uint8_t *from, int64_t size, int32_t last, uint8_t *out)
{
    Writer writer = {out, 0, 0};
    for (int64_t at = 0; at < size; at += BLOCK) {
        const int64_t many = size - at < BLOCK ? size - at : BLOCK;
        writer = block_written(writer, from + at, many, at == 0, last && at + many == size);
    }
    if (!last) {
        /* An empty block without a code begins at the next whole byte. */
        put(&writer, 0, 3);
        flush(&writer);
        put(&writer, 0xffff0000u, 32);
    }
    flush(&writer);
    return writer.to - out;
}
