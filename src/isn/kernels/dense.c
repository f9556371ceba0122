/* The dense block of the paper (section 4.1): convolutions of 3 x 3, each fed all former features.
 *
 * A convolution is computed as F(2 x 2, 3 x 3) of Lavin and Gray, "Fast Algorithms for
 * Convolutional Neural Networks" (CVPR 2016): tiles of 4 x 4 positions, two apart, are transformed
 * to 16 points, at each of which the channels meet in a product of matrices, and 2 x 2 results come
 * back: 16 multiplications in place of 36. Its constants are halves and ones, so that little of
 * float32 is lost.
 *
 * An image is computed in blocks whose features stay in the processor's caches. Each convolution
 * covers as many positions around a block as those after it see. Features lie as blocks of 4
 * or 8 channels: one vector a position.
 *
 * Unlike those of kernels.c, sums may be fused with products: two builds agree to float rounding.
 * Nothing is read or written beyond the sizes that are given; whoever calls has checked them.
 */
#include "kernels.h"

/* Channels of a vector, as the processor has them; outputs, and tiles, of which sums are kept in
 * registers. */
#if defined(__AVX__)
enum { LANES = 8, DEEP = 6 };
#elif defined(__x86_64__)
enum { LANES = 4, DEEP = 3 };
#else
enum { LANES = 4, DEEP = 6 };
#endif
enum { GROUP = 16, WIDE = GROUP / LANES };
/* Points of a tile; channels that are multiplied together, so that few are only filled up. */
enum { POINTS = 16, QUAD = 4 };
/* Tiles, and floats of their points, that are transformed together: they stay in the second cache.
 * Points lie a little more than a round number apart, for a cache keeps few of the same rest. */
enum { MOST_TILES = 96, MOST_FLOATS = 60 << 10, APART = 16, ALIGNED = 64 };

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t mask __attribute__((vector_size(4 * LANES), aligned(4)));

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
static inline int64_t parts(int64_t whole, int64_t size)
{
    return (whole + size - 1) / size;
}
static inline vec load(const float *from)
{
    return *(const vec *)from;
}
static inline void store(float *to, vec value)
{
    *(vec *)to = value;
}

typedef struct {
    int64_t top, bottom, left, right;
} Area;

static Area grown(Area area, int64_t by, int64_t rows, int64_t columns)
{
    return (Area){most(area.top - by, 0), least(area.bottom + by, rows), most(area.left - by, 0),
                  least(area.right + by, columns)};
}

/* What a block is computed in.
 *
 * features: planes x high x wide x LANES, from row top and column left of the image on; points:
 * POINTS x planes x batch x LANES, a step apart; sums: POINTS x batch x GROUP; offset: of each quad
 * of channels among the points.
 */
typedef struct {
    float *features, *points, *sums;
    ptrdiff_t *offset;
    int64_t planes, high, wide, top, left, batch, step;
} Block;

static inline float *place(const Block *block, int64_t plane, int64_t y, int64_t x)
{
    y += plane * block->high - block->top;
    return block->features + (y * block->wide + x - block->left) * LANES;
}

/* Channels x rows x columns of the image, to planes of the block, and back. */
static void gather(const Block *block, const float *image, int64_t channels, int64_t rows,
                   int64_t columns, Area area)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = area.top; y < area.bottom; y++) {
            const float *from = image + (c * rows + y) * columns + area.left;
            float *to = place(block, c / LANES, y, area.left) + c % LANES;
            for (int64_t x = 0; x < area.right - area.left; x++) to[x * LANES] = from[x];
        }
}
static void scatter(const Block *block, int64_t plane, float *image, int64_t channels, int64_t rows,
                    int64_t columns, Area area)
{
    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = area.top; y < area.bottom; y++) {
            const float *from = place(block, plane + c / LANES, y, area.left) + c % LANES;
            float *to = image + (c * rows + y) * columns + area.left;
            for (int64_t x = 0; x < area.right - area.left; x++) to[x] = from[x * LANES];
        }
}

/* B^T d of four positions, and A^T m of four points. */
static inline void spread(vec a, vec b, vec c, vec d, vec to[4])
{
    to[0] = a - c, to[1] = b + c, to[2] = c - b, to[3] = b - d;
}
static inline void joined(vec a, vec b, vec c, vec d, vec to[2])
{
    to[0] = a + b + c, to[1] = b - c - d;
}

static inline void column(const float *at, int64_t row, vec to[4])
{
    spread(load(at), load(at + row), load(at + 2 * row), load(at + 3 * row), to);
}

/* B^T d B of some tiles beside each other; points lie a step apart. */
static void transformed(const float *at, int64_t row, int64_t tiles, float *to, int64_t step)
{
    vec d[4][4];
    column(at, row, d[2]), column(at + LANES, row, d[3]);
    for (int64_t t = 0; t < tiles; t++, to += LANES) {
        at += 2 * LANES;
        for (int y = 0; y < 4; y++) d[0][y] = d[2][y], d[1][y] = d[3][y];
        column(at, row, d[2]), column(at + LANES, row, d[3]);
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++) {
            vec whole[4];
            spread(d[0][y], d[1][y], d[2][y], d[3][y], whole);
#pragma GCC unroll 4
            for (int x = 0; x < 4; x++) store(to + (4 * y + x) * step, whole[x]);
        }
    }
}

/* out[t][o] = the sum over quads q and their channels c of w[q][c][o] * x[offset[q] + t][c]. */
static void products(const float *x, const ptrdiff_t *offset, int64_t quads, const float *w,
                     float *out)
{
    vec sum[DEEP][WIDE] = {{{0}}};
    for (int64_t q = 0; q < quads; q++) {
        const float *at = x + offset[q];
        /* Unrolled, compilers would find more to keep than there are registers. */
#pragma GCC unroll 1
        for (int c = 0; c < QUAD; c++, w += GROUP) {
            vec each[WIDE];
#pragma GCC unroll 4
            for (int v = 0; v < WIDE; v++) each[v] = load(w + v * LANES);
#pragma GCC unroll 6
            for (int t = 0; t < DEEP; t++)
#pragma GCC unroll 4
                for (int v = 0; v < WIDE; v++) sum[t][v] += each[v] * at[LANES * t + c];
        }
    }
#pragma GCC unroll 6
    for (int t = 0; t < DEEP; t++)
#pragma GCC unroll 4
        for (int v = 0; v < WIDE; v++) store(out + GROUP * t + v * LANES, sum[t][v]);
}

/* A^T m A of some tiles beside each other, with bias and LeakyReLU, to one plane of the block. */
static void restored(const float *sums, int64_t step, const float *bias, float slope,
                     const Block *block, int64_t plane, Area area, int64_t y, int64_t x,
                     int64_t tiles)
{
    const vec b = load(bias);
    for (int64_t t = 0; t < tiles; t++, sums += GROUP, x += 2) {
        vec half[4][2];
        for (int i = 0; i < 4; i++) {
            const float *at = sums + i * step;
            joined(load(at), load(at + 4 * step), load(at + 8 * step), load(at + 12 * step),
                   half[i]);
        }
        for (int i = 0; i < 2 && y + i < area.bottom; i++) {
            vec pair[2];
            joined(half[0][i], half[1][i], half[2][i], half[3][i], pair);
            float *to = place(block, plane, y + i, x);
            for (int j = 0; j < 2 && x + j < area.right; j++) {
                const vec s = pair[j] + b, low = s * slope;
                const mask below = s < 0;
                store(to + j * LANES, (vec)(((mask)low & below) | ((mask)s & ~below)));
            }
        }
    }
}

/* One convolution over all planes before the one that it writes, on an area of the image.
 *
 * w: ceil(outputs / 16) x 16 points x quads x 4 x 16; bias: filled up to 16 as well.
 */
static void convolve(const Block *block, int64_t planes, int64_t quads, const float *w,
                     const float *bias, int64_t outputs, float slope, Area area)
{
    const int64_t across = parts(area.right - area.left, 2);
    const int64_t tiles = across * parts(area.bottom - area.top, 2);
    const int64_t batch = block->batch, step = block->step;
    for (int64_t at = 0; at < tiles; at += batch) {
        const int64_t many = least(batch, tiles - at);
        for (int64_t p = 0; p < planes; p++)
            for (int64_t t = 0, run; t < many; t += run) {
                const int64_t y = (at + t) / across, x = (at + t) % across;
                run = least(many - t, across - x);
                transformed(place(block, p, area.top + 2 * y - 1, area.left + 2 * x - 1),
                            block->wide * LANES, run, block->points + (p * batch + t) * LANES,
                            step);
            }
        for (int64_t o = 0; o < outputs; o += GROUP) {
            for (int p = 0; p < POINTS; p++)
                for (int64_t t = 0; t < many; t += DEEP)
                    products(block->points + p * step + t * LANES, block->offset, quads,
                             w + (o * POINTS + p * GROUP) * quads * QUAD,
                             block->sums + (p * batch + t) * GROUP);
            for (int64_t t = 0, run; t < many; t += run) {
                const int64_t y = (at + t) / across, x = (at + t) % across;
                run = least(many - t, across - x);
                for (int v = 0; v < WIDE && o + v * LANES < outputs; v++)
                    restored(block->sums + t * GROUP + v * LANES, batch * GROUP,
                             bias + o + v * LANES, slope, block, planes + o / LANES + v, area,
                             area.top + 2 * y, area.left + 2 * x, run);
            }
        }
    }
}

/* Buffers for a dense block, and where its quads lie; offset is NULL where there is no memory. */
static Block prepared(int64_t given, int64_t growth, int64_t depth, int64_t wanted, int64_t high,
                      int64_t wide)
{
    const int64_t inner = parts(given, LANES) + (depth - 1) * parts(growth, LANES);
    const int64_t fit = least(MOST_TILES, MOST_FLOATS / (POINTS * LANES * inner));
    Block block = {.planes = inner + parts(wanted, LANES), .high = high, .wide = wide};
    block.batch = most(fit / DEEP, 1) * DEEP;
    block.step = inner * block.batch * LANES + APART;
    const int64_t features = block.planes * high * wide * LANES, points = POINTS * block.step;
    const int64_t sums = POINTS * block.batch * GROUP;
    /* In one piece, the offsets first. Where a batch is not full its points must be numbers, too.
     */
    const size_t head = sizeof(ptrdiff_t) * (size_t)(inner * (LANES / QUAD)) + ALIGNED;
    char *memory = calloc(1, head + sizeof(float) * (size_t)(features + points + sums));
    if (!memory) return block;
    block.offset = (ptrdiff_t *)memory;
    block.features = (float *)(((uintptr_t)memory + head) / ALIGNED * ALIGNED);
    block.points = block.features + features, block.sums = block.points + points;
    ptrdiff_t *to = block.offset;
    for (int64_t d = 0, plane = 0; d < depth; d++) {
        const int64_t channels = d ? growth : given;
        for (int64_t c = 0; c < channels; c += QUAD)
            *to++ = (plane + c / LANES) * block.batch * LANES + c % LANES;
        plane += parts(channels, LANES);
    }
    return block;
}

/* A dense block on some images.
 *
 * images: n x given x rows x columns, each cut in down x across blocks, of which those from first
 * to last are computed; weights and biases: of its convolutions one after the other, as `convolve`
 * wants them; slope: of LeakyReLU between them; out: n x wanted x rows x columns.
 */
ISN_API int32_t ISN_NAME(isn_dense)(const float *images, int64_t given, int64_t growth,
                                    int64_t depth, int64_t wanted, int64_t rows, int64_t columns,
                                    int64_t down, int64_t across, int64_t first, int64_t last,
                                    const float *weights, const float *biases, float slope,
                                    float *out)
{
    /* The last tile of a row or a column reaches one position further. */
    const int64_t margin = depth + 1, size = rows * columns;
    Block block = prepared(given, growth, depth, wanted, parts(rows, down) + 2 * margin,
                           parts(columns, across) + 2 * margin);
    if (!block.offset) return NO_MEMORY;
    for (int64_t n = first; n < last; n++) {
        const int64_t image = n / (down * across), y = n / across % down, x = n % across;
        const Area area = {rows * y / down, rows * (y + 1) / down, columns * x / across,
                           columns * (x + 1) / across};
        block.top = area.top - margin, block.left = area.left - margin;
        const Area seen = grown(area, margin, rows, columns);
        /* Beyond the image all features are zero. */
        if (seen.bottom - seen.top < block.high || seen.right - seen.left < block.wide)
            memset(block.features, 0,
                   sizeof(float) * (size_t)(block.planes * block.high * block.wide * LANES));
        gather(&block, images + image * given * size, given, rows, columns,
               grown(area, depth, rows, columns));
        const float *w = weights, *bias = biases;
        int64_t planes = parts(given, LANES), quads = parts(given, QUAD);
        for (int64_t d = 0; d < depth; d++) {
            const int ends = d == depth - 1;
            const int64_t outputs = ends ? wanted : growth;
            convolve(&block, planes, quads, w, bias, outputs, ends ? 1 : slope,
                     grown(area, depth - 1 - d, rows, columns));
            if (ends)
                scatter(&block, planes, out + image * wanted * size, wanted, rows, columns, area);
            w += parts(outputs, GROUP) * POINTS * quads * QUAD * GROUP;
            bias += parts(outputs, GROUP) * GROUP;
            planes += parts(outputs, LANES), quads += parts(outputs, QUAD);
        }
    }
    free(block.offset);
    return OK;
}

/* Positions of a sparse block that are computed together: a sum stays in the first cache. */
enum { TOGETHER = 512 };

/* A dense block of convolutions of 1 x 1 whose weights are mostly zeros, in float64.
 *
 * starts, columns, weights: of each row those that are none, and which former channels they are of;
 * biases: of the rows; leaky: rows that LeakyReLU follows, the first ones, by its slope; channels:
 * (given + rows) x positions, of which the first ones are given, and the others computed.
 */
ISN_API int32_t ISN_NAME(isn_sparse)(const int32_t *starts, const int32_t *columns,
                                     const double *weights, const double *biases, int64_t rows,
                                     int64_t leaky, double slope, int64_t given, int64_t positions,
                                     double *channels)
{
    for (int64_t first = 0; first < positions; first += TOGETHER) {
        const int64_t size = least(TOGETHER, positions - first);
        for (int64_t r = 0; r < rows; r++) {
            double *restrict sum = channels + (given + r) * positions + first;
            for (int64_t p = 0; p < size; p++) sum[p] = biases[r];
            for (int32_t k = starts[r]; k < starts[r + 1]; k++) {
                const double *restrict seen = channels + columns[k] * positions + first;
                for (int64_t p = 0; p < size; p++) sum[p] += weights[k] * seen[p];
            }
            for (int64_t p = 0; r < leaky && p < size; p++)
                sum[p] = sum[p] < 0 ? slope * sum[p] : sum[p];
        }
    }
    return OK;
}
