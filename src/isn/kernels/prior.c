/* The prior's networks: two layers in whole numbers (isn.codes.photos.prior).
 *
 * The first, of 3 x 3, is computed as F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks" (CVPR 2016): tiles of 6 x 6 positions, four apart, are transformed
 * to 36 points, at each of which the channels meet in a product of matrices, and 4 x 4 results come
 * back: 36 multiplications in place of 144. Its fractions are left out on the way, and 576 times
 * the result is divided by 576 in the end, which is exact: sums wrap around at 2 ** 32, where
 * division by 9 is a product, and results are below 2 ** 25.
 *
 * Features lie with their channels last, so that a vector is of one position's channels.
 */
#include "kernels.h"

/* Channels of a vector; columns, and rows, of which sums are kept in registers. */
enum { LANES = 16, WIDE = 16, DEEP = 4 };
/* Results of a tile along a side; its positions; its points; tiles that are computed together, so
 * many that they stay in the second cache. */
enum { SIDE = 4, REACH = SIDE + 2, POINTS = REACH * REACH, TILES = 24 };
enum { RESULTS = SIDE * SIDE, ROWS = TILES * RESULTS };
/* 9 times this is 1, modulo 2 ** 32. */
#define NINTH 954437177u

typedef int16_t shorts __attribute__((vector_size(2 * LANES), aligned(2)));
typedef uint8_t bytes __attribute__((vector_size(LANES), aligned(1)));
typedef uint32_t sums __attribute__((vector_size(32), aligned(4)));
typedef int32_t wholes __attribute__((vector_size(32), aligned(4)));

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* out[r][c] = the sum over k and both halves h of left[r * stride + 2 k + h] * right[k][c][h]. */
static void products(const int16_t *left, int64_t stride, const int16_t *right, int64_t pairs,
                     int32_t out[DEEP][WIDE])
{
#ifdef __AVX2__
    __m256i sum[DEEP][2];
    for (int r = 0; r < DEEP; r++) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < pairs; k++, left += 2, right += 2 * WIDE) {
        const __m256i one = _mm256_loadu_si256((const __m256i *)right);
        const __m256i two = _mm256_loadu_si256((const __m256i *)(right + WIDE));
        for (int r = 0; r < DEEP; r++) {
            int32_t pair;
            memcpy(&pair, left + r * stride, 4);
            const __m256i each = _mm256_set1_epi32(pair);
            sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(each, one));
            sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(each, two));
        }
    }
    for (int r = 0; r < DEEP; r++)
        for (int v = 0; v < 2; v++) _mm256_storeu_si256((__m256i *)(out[r] + 8 * v), sum[r][v]);
#else
    uint32_t sum[DEEP][WIDE] = {0};
    for (int64_t k = 0; k < pairs; k++, left += 2, right += 2 * WIDE)
        for (int r = 0; r < DEEP; r++)
            for (int c = 0; c < WIDE; c++)
                sum[r][c] += (uint32_t)(left[r * stride] * right[2 * c]) +
                             (uint32_t)(left[r * stride + 1] * right[2 * c + 1]);
    memcpy(out, sum, sizeof sum);
#endif
}

/* Six numbers to six points. */
static inline void to_points(const shorts x[REACH], shorts y[REACH])
{
    const shorts even = x[4] - 4 * x[2], odd = x[3] - 4 * x[1];
    const shorts nearer = x[4] - x[2], twice = 2 * (x[3] - x[1]);
    y[0] = 4 * x[0] - 5 * x[2] + x[4];
    y[1] = even + odd, y[2] = even - odd;
    y[3] = nearer + twice, y[4] = nearer - twice;
    y[5] = 4 * x[1] - 5 * x[3] + x[5];
}

/* Six points to 24 times four numbers. */
static inline void from_points(const sums m[REACH], sums y[SIDE])
{
    const sums a = (m[1] + m[2]) << 2, b = (m[1] - m[2]) << 2, c = m[3] + m[4], d = m[3] - m[4];
    y[0] = (m[0] << 2) + (m[0] << 1) - a + c;
    y[1] = (d << 1) - b;
    y[2] = (c << 2) - a;
    y[3] = (d << 3) - b + (m[5] << 4) + (m[5] << 3);
}

/* A tile's channels, from features at its first position, to its points, so far apart. */
static void transformed(const uint8_t *from, int64_t row, int64_t channels, int64_t apart,
                        int16_t *to, int64_t between)
{
    for (int64_t channel = 0; channel < channels; channel += LANES) {
        shorts point[REACH][REACH], column[REACH], turned[REACH];
        for (int x = 0; x < REACH; x++) {
            for (int y = 0; y < REACH; y++) {
                bytes each;
                memcpy(&each, from + y * row + x * apart + channel, sizeof each);
                column[y] = __builtin_convertvector(each, shorts);
            }
            to_points(column, turned);
            for (int y = 0; y < REACH; y++) point[y][x] = turned[y];
        }
        for (int y = 0; y < REACH; y++) {
            to_points(point[y], turned);
            for (int x = 0; x < REACH; x++)
                memcpy(to + (y * REACH + x) * between + channel, &turned[x], sizeof turned[x]);
        }
    }
}

/* The hidden units of a tile, eight of them, from their points, so far apart. */
static void finished(const int32_t *from, int64_t between, const int32_t *bias, int32_t shift,
                     int32_t highest, int16_t *to, int64_t row, int64_t apart)
{
    sums turned[SIDE][REACH], point[REACH], result[SIDE], offset;
    memcpy(&offset, bias, sizeof offset);
    for (int x = 0; x < REACH; x++) {
        for (int y = 0; y < REACH; y++)
            memcpy(&point[y], from + (y * REACH + x) * between, sizeof point[y]);
        from_points(point, result);
        for (int y = 0; y < SIDE; y++) turned[y][x] = result[y];
    }
    for (int y = 0; y < SIDE; y++) {
        from_points(turned[y], result);
        for (int x = 0; x < SIDE; x++) {
            wholes unit = (wholes)(result[x] * NINTH + (offset << 6)) >> (6 + shift);
            unit &= unit > 0;
            const wholes above = unit > highest;
            unit = (unit & ~above) | (highest & above);
            int16_t *at = to + y * row + x * apart;
            for (int unit_of = 0; unit_of < 8; unit_of++) at[unit_of] = (int16_t)unit[unit_of];
        }
    }
}

/* The classes of rows first to last.
 *
 * features: rows + 5 x 4 ceil(columns / 4) + 2 x apart, the last three rows and the columns around
 * being zero, the first row and column before those that count; channels of them are looked at,
 * multiples of 16 are read. inner: hidden / 16 x 36 x pairs x 16 x 2 weights at their points, zero
 * beyond the channels; outer: ceil(outputs / 16) x hidden / 2 x 16 x 2. hidden is a multiple of 16.
 * found: outputs x rows x columns.
 */
ISN_API int32_t ISN_NAME(isn_classes)(const uint8_t *features, int64_t rows, int64_t columns,
                                      int64_t apart, int64_t channels, int64_t first, int64_t last,
                                      const int16_t *inner, const int32_t *inner_bias,
                                      int64_t hidden, const int16_t *outer,
                                      const int32_t *outer_bias, int64_t outputs,
                                      int32_t inner_shift, int32_t highest, int32_t outer_shift,
                                      int32_t finest, int32_t classes, uint8_t *found)
{
    const int64_t pairs = (channels + 1) / 2, stride = (channels + LANES - 1) / LANES * LANES;
    const int64_t across = (columns + SIDE - 1) / SIDE, down = (last - first + SIDE - 1) / SIDE;
    const int64_t line = (SIDE * across + 2) * apart, points = TILES * stride;
    int16_t *point = calloc(POINTS * points, sizeof *point);
    int16_t *unit = calloc(ROWS * hidden, sizeof *unit);
    int32_t (*result)[TILES][WIDE] = malloc(sizeof *result * POINTS);
    if (!point || !unit || !result) {
        free(point), free(unit), free(result);
        return NO_MEMORY;
    }
    for (int64_t tile = 0; tile < across * down; tile += TILES) {
        const int64_t many = least(TILES, across * down - tile);
        for (int64_t t = 0; t < many; t++) {
            const int64_t y = first + (tile + t) / across * SIDE, x = (tile + t) % across * SIDE;
            transformed(features + y * line + x * apart, line, channels, apart, point + t * stride,
                        points);
        }
        for (int64_t block = 0; block < hidden; block += WIDE) {
            const int16_t *weight = inner + block * POINTS * pairs * 2;
            for (int p = 0; p < POINTS; p++, weight += pairs * 2 * WIDE)
                for (int64_t t = 0; t < many; t += DEEP)
                    products(point + p * points + t * stride, stride, weight, pairs, result[p] + t);
            for (int64_t t = 0; t < many; t++)
                for (int half = 0; half < WIDE; half += 8)
                    finished(result[0][t] + half, TILES * WIDE, inner_bias + block + half,
                             inner_shift, highest, unit + t * SIDE * hidden + block + half,
                             TILES * SIDE * hidden, hidden);
        }
        int64_t target[ROWS];
        for (int64_t k = 0; k < ROWS; k++) {
            const int64_t t = k % (TILES * SIDE) / SIDE;
            const int64_t y = first + (tile + t) / across * SIDE + k / (TILES * SIDE);
            const int64_t x = (tile + t) % across * SIDE + k % SIDE;
            target[k] = t < many && y < last && x < columns ? y * columns + x : -1;
        }
        for (int64_t row = 0; row < ROWS; row += DEEP) {
            if (row % (TILES * SIDE) / SIDE >= many) continue;
            for (int64_t block = 0; block < outputs; block += WIDE) {
                int32_t sum[DEEP][WIDE];
                products(unit + row * hidden, hidden, outer + block * hidden, hidden / 2, sum);
                for (int64_t d = block; d < least(block + WIDE, outputs); d++)
                    for (int r = 0; r < DEEP; r++) {
                        const int64_t which =
                            ((sum[r][d - block] + outer_bias[d]) >> outer_shift) - finest;
                        if (target[row + r] >= 0)
                            found[d * rows * columns + target[row + r]] =
                                (uint8_t)(which < 0 ? 0 : least(which, classes - 1));
                    }
            }
        }
    }
    free(point), free(unit), free(result);
    return OK;
}

/* What the networks see of some channels' numbers, into rows x columns x apart features.
 *
 * halves: channels x rows x columns; seen: what is seen of each magnitude up to the largest. to:
 * the features' first channel of these.
 */
ISN_API int32_t ISN_NAME(isn_features)(const int32_t *halves, int64_t channels, int64_t rows,
                                       int64_t columns, const uint8_t *seen, int32_t largest,
                                       int64_t line, int64_t apart, int64_t first,
                                       uint8_t *features)
{
    for (int64_t y = 0; y < rows; y++)
        for (int64_t c = 0; c < channels; c++) {
            const int32_t *from = halves + (c * rows + y) * columns;
            uint8_t *to = features + first + y * line + c;
            for (int64_t x = 0; x < columns; x++) {
                const uint32_t size = from[x] < 0 ? 0u - (uint32_t)from[x] : (uint32_t)from[x];
                to[x * apart] = seen[size < (uint32_t)largest ? size : (uint32_t)largest];
            }
        }
    return OK;
}
