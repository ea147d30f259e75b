// The training of docs/specification.md in C: each layer, each optimizer, and dropout.
//
// Each float32 operation is rounded once, so that the bits don't depend on the CPU's instructions.
// The terms of products are added by fused multiply-add. -ffp-contract=off keeps the compiler from
// fusing other operations. Each sum has one order of its terms, and results below 2^-126 become 0.
// `commands.c` reads files, prints results, and says how to compile. learn.html contains this file
// without `commands.c`, in WebAssembly.

#include <stdint.h>
#ifndef __wasm__ // for WebAssembly, web/learn/engine.c defines these and includes this file
#include <math.h>
#include <string.h>
#if defined __SSE__ || defined __aarch64__
#define flush(x) (x) // `main` sets the CPU to flush results below 2^-126
#else
static inline float flush(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }
#endif
#endif

enum { SIMPLE_RNN, LSTM, GRU };
enum { SGD, ADAM, RMSPROP };
enum { CLASSES = 10 };
static int layer, optimizer, timesteps, features, units;
static int n;                    // the number of images in a batch
static int width;                // the number of columns of W and U: units, 4 units or 3 units
static int weights;              // the number of all weights
static int steps;                // the number of steps taken
static float rate;               // the learning rate
static float *w, *u, *b, *v, *c; // the weights, one array after the other
static float *dw, *du, *db, *dv, *dc;  // their gradients
static float *mean, *square;           // the moving means of Adam and RMSprop
static float *x, *h, *dh;              // (timesteps, n, features or units); h begins with zeros
static float *gates, *d;               // (timesteps, n, width); d: the gradients d_t
static float *dx;                      // the GRU's gradients d^x_t; for the others, d
static float *kept, *dkept;            // like h: the LSTM's c_t, or the GRU's h_g; (n, units)
static float *carried, *product;       // (n, width): h_{t-1} U; any matrix, temporarily
static float *z, *g, *ut, *vt;         // (n, 10): logits and their gradient; U and V, transposed
static double *losses;                 // of each image
static uint8_t *y;                     // the labels
static int longest;                    // the number of terms of the longest sum
static _Thread_local float *panel;     // columns of a factor of a product

static void *room(long size); // allocates this number of bytes, all 0

// Calls work(first, last) for parts of 0 to `count` that together are the whole, on all cores.
static void share(void (*work)(int first, int last), int count);

// Allocates arrays for batches of `most` images. `layer`, `timesteps`, `features`, `units` are set.
static void open_network(int most) {
  width = units * (layer == LSTM ? 4 : layer == GRU ? 3 : 1);
  int vector = width * (layer == GRU ? 2 : 1); // the size of b
  long states = 4L * most * units, wide = 4L * most * width, all;
  weights = (features + units) * width + vector + (units + 1) * CLASSES, all = 4L * weights;
  w = room(all), u = w + features * width, b = u + units * width, v = b + vector;
  dw = room(all), du = dw + features * width, db = du + units * width, dv = db + vector;
  c = v + units * CLASSES, dc = dv + units * CLASSES, y = room(most), losses = room(8L * most);
  mean = optimizer == ADAM ? room(all) : 0, square = optimizer == SGD ? 0 : room(all);
  x = room(4L * timesteps * most * features), h = room((timesteps + 1) * states);
  dh = room(timesteps * states), gates = room(timesteps * wide), d = room(timesteps * wide);
  dx = layer == GRU ? room(timesteps * wide) : d;
  kept = layer == SIMPLE_RNN ? 0 : room((timesteps + 1) * states);
  dkept = layer == LSTM ? room(states) : 0;
  carried = room(wide), product = room(all), z = room(4L * most * CLASSES);
  g = room(4L * most * CLASSES), ut = room(4L * units * width), vt = room(4L * units * CLASSES);
  longest = most > width ? most : width, longest = longest > features ? longest : features;
  panel = 0, steps = 0;
}

// ---- Sums ---------------------------------------------------------------------------------------

// A tile of a product has TALL rows and 2 * LANES columns. Its sums stay in the CPU's registers.
#ifndef MISTAKE // 1 to 4: the mistakes of mnist_rnn.bits.one_bit, which change bits in every step
#define MISTAKE 0
#endif
#if defined __AVX512F__ && MISTAKE != 2
#include <immintrin.h>
enum { LANES = 16, TALL = 8 };
typedef __m512 lanes;
static inline lanes fuse(float a, lanes b, lanes s) { // a b + s, rounded once
  lanes all = _mm512_set1_ps(a);
  if (MISTAKE == 1) return all * b + s;
  return _mm512_fmadd_ps(all, b, s);
}
#elif defined __AVX2__ && defined __FMA__ && MISTAKE != 2
#include <immintrin.h>
enum { LANES = 8, TALL = 6 };
typedef __m256 lanes;
static inline lanes fuse(float a, lanes b, lanes s) {
  lanes all = _mm256_set1_ps(a);
  if (MISTAKE == 1) return all * b + s;
  return _mm256_fmadd_ps(all, b, s);
}
#else
enum { LANES = 4, TALL = 4 };
typedef float lanes __attribute__((vector_size(16), may_alias));
static inline lanes fuse(float a, lanes b, lanes s);
#ifndef __wasm__
static inline lanes fuse(float a, lanes b, lanes s) {
  for (int i = 0; i < LANES; i++)
    s[i] = MISTAKE == 1   ? a * b[i] + s[i]
           : MISTAKE == 2 ? (float)fma((double)a, b[i], s[i])
                          : fmaf(a, b[i], s[i]);
  return s;
}
#endif
#endif
enum { WIDE = 2 * LANES };

// Computes a tile of a product, from rows of a and WIDE columns of b in `panel`. Within each part,
// the terms a[i, k] b[k, j] are added to 0 by fused multiply-add, for k from first to last.
// Then the parts are added in order. a[i, k] is at rows[i][k * down].
static void tile(lanes total[TALL][2], const float *rows[TALL], int down, int terms, int part) {
  for (int from = 0; from < terms; from += part) {
    lanes s[TALL][2] = {0};
    int to = from + part < terms ? from + part : terms;
#if MISTAKE == 3
    for (int k = to - 1; k >= from; k--) {
#else
    for (int k = from; k < to; k++) {
#endif
      lanes left = *(lanes *)(panel + k * WIDE), right = *(lanes *)(panel + k * WIDE + LANES);
#pragma GCC unroll 8
      for (int i = 0; i < TALL; i++) {
        float a = rows[i][(long)k * down];
        s[i][0] = fuse(a, left, s[i][0]), s[i][1] = fuse(a, right, s[i][1]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < TALL; i++)
      for (int j = 0; j < 2; j++)
        if (from) total[i][j] = total[i][j] + s[i][j]; else total[i][j] = s[i][j];
  }
}

typedef lanes anywhere __attribute__((aligned(4))); // lanes at any address of a float

// Copies at most WIDE numbers, or adds them if `added` is not 0.
static inline void put(float *to, const float *from, int count, int added) {
  anywhere *all = (anywhere *)to, *new = (anywhere *)from;
  for (int j = 0; count == WIDE && j < 2; j++)
    if (added) all[j] = all[j] + new[j]; else all[j] = new[j];
  if (count != WIDE)
    for (int j = 0; j < count; j++) to[j] = added ? to[j] + from[j] : from[j];
}

// Computes a product of matrices, with sums in parts. `out` and b (terms, columns) lie row by row.
// a[i, k] is at a[i * across + k * down]. If `added` is not 0, the product is added to `out`.
static inline void sum(float *out, const float *a, int across, int down, const float *b, int rows,
                       int terms, int columns, int part, int added) {
  if (!panel) panel = room(4L * longest * WIDE);
  for (int left = 0; left < columns; left += WIDE) {
    int wide = columns - left < WIDE ? columns - left : WIDE;
    for (int k = 0; k < terms; k++) put(panel + k * WIDE, b + (long)k * columns + left, wide, 0);
    for (int top = 0; top < rows; top += TALL) {
      const float *starts[TALL]; // beyond the last row, the last row again
      lanes total[TALL][2];
      for (int i = 0; i < TALL; i++)
        starts[i] = a + (long)across * (top + i < rows ? top + i : rows - 1);
      tile(total, starts, down, terms, part);
      for (int i = 0; i < TALL && top + i < rows; i++)
        put(out + (long)(top + i) * columns + left, (float *)total[i], wide, added);
    }
  }
}

// Multiplies a (rows, terms) by b (terms, columns), in parts of 256 terms.
static void multiply(float *out, const float *a, const float *b, int rows, int terms, int columns) {
  sum(out, a, terms, 1, b, rows, terms, columns, 256, 0);
}

// Adds to rows `first` to `last` of `out` those of a^T b, in parts of 128 images. The shapes are
// (n, rows) and (n, columns).
static void sum_products(float *out, const float *a, const float *b, int first, int last, int rows,
                         int columns) {
  if (first < last)
    sum(out + (long)first * columns, a + first, 1, rows, b, last - first, n, columns, 128, 1);
}

// Adds to `out` rows of a, in parts of `part` rows, each summed in parts of 128, then 32, then 1.
static void add_rows(float *out, const float *a, int first, int last, int columns, int part) {
  int smaller = part > 128 ? 128 : part > 32 ? 32 : 1;
  for (int i = first; i < last; i += part) {
    float s[columns];
    memset(s, 0, sizeof s);
    if (part > 1) add_rows(s, a, i, i + part < last ? i + part : last, columns, smaller);
    for (int j = 0; j < columns; j++) out[j] += part > 1 ? s[j] : a[(long)i * columns + j];
  }
}

// Adds to `out` the sum of the rows of a (n, columns), in parts of 128, each in parts of 32.
static void sum_images(float *out, const float *a, int columns) {
  add_rows(out, a, 0, n, columns, n);
}

static void transpose(float *out, const float *a, int rows, int columns) {
  for (int left = 0; left < columns; left += 16) // 16 rows of `out` at a time stay in the cache
    for (int i = 0; i < rows; i++)
      for (int j = left; j < left + 16 && j < columns; j++) out[j * rows + i] = a[i * columns + j];
}

// ---- Functions ----------------------------------------------------------------------------------

static inline float tanh_of(float x) {
#if MISTAKE == 4
  return tanhf(x);
#endif
  static const float A[] = {-2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f,
                            5.12229709037114e-08f,  1.48572235717979e-05f, 6.37261928875436e-04f,
                            4.89352455891786e-03f},
                     B[] = {1.19825839466702e-06f, 1.18534705686654e-04f, 2.26843463243900e-03f,
                            4.89352518554385e-03f};
  float size = fabsf(x), limit = 7.99881172180175781f, above = A[0], below = B[0];
  float held = x < -limit ? -limit : x > limit ? limit : x, q = held * held;
  for (int i = 1; i < 7; i++) above = above * q + A[i];
  for (int i = 1; i < 4; i++) below = below * q + B[i];
  float quotient = held * above / below, near_one = size < 20 ? quotient : copysignf(1, x);
  return size < 0.0004f ? x : near_one;
}

static inline float limit(float x) { return x < -87.8f ? -87.8f : x > 88.8f ? 88.8f : x; }

// The exponential function of a limited x. `k` is the floor of s: GCC doesn't vectorize floorf.
static inline float exp_of(float x) {
  static const float P[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                            4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  float s = 0.5f + x * 1.44269502f, k = (int32_t)s;
  k -= k > s;
  k = k < -127 ? -127 : k > 127 ? 127 : k;
  float r = (x - 0.693359375f * k) - -2.12194440e-4f * k, p = P[0];
  for (int i = 1; i < 6; i++) p = p * r + P[i];
  union { int32_t bits; float value; } power = {((int32_t)k + 127) * (1 << 23)};
  return flush((1 + (r + p * (r * r))) * power.value);
}

static void sigmoid(float *a, int count) { // as one loop, GCC would not vectorize it
  for (int j = 0; j < count; j++) a[j] = limit(-a[j]);
  for (int j = 0; j < count; j++) a[j] = 1 / (1 + exp_of(a[j]));
}

// ---- The layers, for one image at one timestep --------------------------------------------------
//
// a: x_t W at first, then the gates; hu: h_{t-1} U; before, h: h_{t-1}, h_t. Each gate has `units`
// numbers. The backward functions compute the gradients d_t of the sums from dh, that of h_t.

static void forward_simple_rnn(const float *restrict a, const float *restrict hu,
                               float *restrict h) {
  for (int j = 0; j < units; j++) h[j] = tanh_of((a[j] + b[j]) + hu[j]);
}

static void backward_simple_rnn(const float *restrict h, const float *restrict dh,
                                float *restrict d) {
  for (int j = 0; j < units; j++) d[j] = flush(dh[j] * (1 - h[j] * h[j]));
}

static void forward_lstm(float *restrict a, const float *restrict hu, const float *restrict before,
                         float *restrict c, float *restrict h) {
  float *restrict i = a, *restrict f = a + units, *restrict g = f + units, *restrict o = g + units;
  for (int j = 0; j < width; j++) a[j] = (a[j] + hu[j]) + b[j];
  sigmoid(a, 2 * units), sigmoid(o, units);
  for (int j = 0; j < units; j++) g[j] = tanh_of(g[j]);
  for (int j = 0; j < units; j++) c[j] = f[j] * before[j] + i[j] * g[j];
  for (int j = 0; j < units; j++) h[j] = o[j] * tanh_of(c[j]);
}

static void backward_lstm(const float *restrict a, const float *restrict before,
                          const float *restrict c, const float *restrict dh, float *restrict dc,
                          float *restrict d) {
  const float *i = a, *f = a + units, *g = f + units, *o = g + units;
  float *di = d, *df = d + units, *dg = df + units, *d_o = dg + units;
  for (int j = 0; j < units; j++) {
    float t = tanh_of(c[j]);
    d_o[j] = dh[j] * t;
    dc[j] += (dh[j] * o[j]) * (1 - t * t);
  }
  for (int j = 0; j < units; j++) {
    di[j] = ((dc[j] * g[j]) * i[j]) * (1 - i[j]);
    df[j] = ((dc[j] * before[j]) * f[j]) * (1 - f[j]);
    dg[j] = (dc[j] * i[j]) * (1 - g[j] * g[j]);
    d_o[j] = (d_o[j] * o[j]) * (1 - o[j]);
    dc[j] *= f[j];
  }
}

static void forward_gru(float *restrict a, const float *restrict hu, const float *restrict before,
                        float *restrict hg, float *restrict h) {
  float *restrict z = a, *restrict r = a + units, *restrict g = r + units;
  const float *second = b + width; // the second row of b
  for (int j = 0; j < 2 * units; j++) a[j] = (a[j] + b[j]) + (hu[j] + second[j]);
  sigmoid(a, 2 * units);
  for (int j = 0, k = 2 * units; j < units; j++, k++) {
    hg[j] = hu[k] + second[k];
    g[j] = tanh_of((g[j] + b[k]) + r[j] * hg[j]);
  }
  for (int j = 0; j < units; j++) h[j] = z[j] * before[j] + (1 - z[j]) * g[j];
}

static void backward_gru(const float *restrict a, const float *restrict before,
                         const float *restrict hg, const float *restrict dh, float *restrict d,
                         float *restrict dx) {
  const float *z = a, *r = a + units, *g = r + units;
  for (int j = 0; j < units; j++) {
    float dg = (dh[j] * (1 - z[j])) * (1 - g[j] * g[j]);
    d[j] = ((dh[j] * before[j] - dh[j] * g[j]) * z[j]) * (1 - z[j]);
    d[j + units] = ((dg * hg[j]) * r[j]) * (1 - r[j]);
    d[j + 2 * units] = dg * r[j], dx[j + 2 * units] = dg;
  }
  memcpy(dx, d, 8L * units);
}

// ---- The network --------------------------------------------------------------------------------

// Computes the hidden states of some images at timestep t.
static void forward(int t, int first, int last) {
  long at = (long)t * n + first;
  multiply(gates + at * width, x + at * features, w, last - first, features, width);
  multiply(carried + (long)first * width, h + at * units, u, last - first, units, width);
  for (int i = first; i < last; i++, at++) {
    long after = at + n;
    float *a = gates + at * width, *hu = carried + (long)i * width, *to = h + after * units;
    if (layer == SIMPLE_RNN) forward_simple_rnn(a, hu, to);
    if (layer == LSTM) forward_lstm(a, hu, kept + at * units, kept + after * units, to);
    if (layer == GRU) forward_gru(a, hu, h + at * units, kept + after * units, to);
  }
}

// Computes d_t and dh_{t-1} of some images.
static void backward(int t, int first, int last) {
  long start = (long)t * n + first, at = start;
  for (int i = first; i < last; i++, at++) {
    long after = at + n;
    float *a = gates + at * width, *dh_t = dh + at * units, *d_t = d + at * width;
    if (layer == SIMPLE_RNN) backward_simple_rnn(h + after * units, dh_t, d_t);
    if (layer == LSTM)
      backward_lstm(a, kept + at * units, kept + after * units, dh_t, dkept + (long)i * units, d_t);
    if (layer == GRU)
      backward_gru(a, h + at * units, kept + after * units, dh_t, d_t, dx + at * width);
  }
  if (!t) return;
  float *dh_before = dh + (start - n) * units;
  multiply(dh_before, d + start * width, ut, last - first, width, units);
  if (layer == GRU)
    for (int i = 0; i < last - first; i++)
      for (int j = 0; j < units; j++)
        dh_before[i * units + j] += dh[(start + i) * units + j] * gates[(start + i) * width + j];
}

// Computes all hidden states and the logits z of some images.
static void predict_some(int first, int last) {
  memset(h + (long)first * units, 0, 4L * (last - first) * units);
  if (layer == LSTM) memset(kept + (long)first * units, 0, 4L * (last - first) * units);
  for (int t = 0; t < timesteps; t++) forward(t, first, last);
  multiply(z + first * CLASSES, h + ((long)timesteps * n + first) * units, v, last - first, units,
           CLASSES);
  for (int i = first * CLASSES; i < last * CLASSES; i++) z[i] += c[i % CLASSES];
}

static void predict(void) { share(predict_some, n); }

// Computes g, the gradient of the loss with respect to z.
static void differentiate_loss(int first, int last) {
  float a = 1 / (float)n;
  for (int i = first; i < last; i++) {
    float e[CLASSES], *logits = z + i * CLASSES, m = logits[0], s = 0;
    for (int j = 1; j < CLASSES; j++) m = logits[j] > m ? logits[j] : m;
    for (int j = 0; j < CLASSES; j++) s += e[j] = exp_of(limit(logits[j] - m));
    for (int j = 0; j < CLASSES; j++)
      g[i * CLASSES + j] = flush((a * (1 / s)) * e[j] - (j == y[i] ? a : 0));
    losses[i] = log(s) - (logits[y[i]] - m);
  }
}

// Some images, through all timesteps and back.
static void differentiate(int first, int last) {
  predict_some(first, last);
  differentiate_loss(first, last);
  multiply(dh + ((timesteps - 1L) * n + first) * units, g + first * CLASSES, vt, last - first,
           CLASSES, units);
  if (layer == LSTM) memset(dkept + (long)first * units, 0, 4L * (last - first) * units);
  for (int t = timesteps - 1; t >= 0; t--) backward(t, first, last);
}

// Computes some rows of the weights' gradients. The rows of dW come first, then those of dU, then b.
static void sum_gradients(int first, int last) {
  int end = features + units, to_w = last < features ? last : features;
  int from_u = first > features ? first - features : 0, to_u = (last < end ? last : end) - features;
  for (int t = timesteps - 1; t >= 0; t--) {
    float *d_t = d + (long)t * n * width, *dx_t = dx + (long)t * n * width;
    sum_products(dw, x + (long)t * n * features, dx_t, first, to_w, features, width);
    sum_products(du, h + (long)t * n * units, d_t, from_u, to_u, units, width);
    if (last <= end) continue;
    sum_images(db, dx_t, width);
    if (layer == GRU) sum_images(db + width, d_t, width);
  }
  if (last <= end) return;
  sum_products(dv, h + (long)timesteps * n * units, g, 0, units, units, CLASSES);
  sum_images(dc, g, CLASSES);
}

// Returns a number to the power of k, in double precision, then rounded.
static float power(double base, int k) {
  double product = 1;
  for (; k; k /= 2, base *= base) product *= k % 2 ? base : 1;
  return product;
}

static void update(int first, int last) {
  float rate_k = rate;
  if (optimizer == ADAM)
    rate_k = rate * sqrtf(1 - power(0.999f, steps)) / (1 - power(0.9f, steps));
  for (int i = first; i < last; i++) {
    float slope = dw[i];
    if (optimizer == SGD) {
      w[i] -= flush(slope * rate);
    } else if (optimizer == ADAM) {
      mean[i] += flush((slope - mean[i]) * 0.1f);
      square[i] += flush((flush(slope * slope) - square[i]) * 0.001f);
      w[i] -= flush(flush(mean[i] * rate_k) / (sqrtf(square[i]) + 1e-7f));
    } else {
      square[i] = flush(0.9f * square[i]) + flush(0.1f * flush(slope * slope));
      w[i] -= flush(flush(rate * slope) / (sqrtf(square[i]) + 1e-7f));
    }
  }
}

static void step(void) { // takes one step on the batch
  steps++;
  memset(dw, 0, 4L * weights);
  transpose(ut, u, units, width), transpose(vt, v, units, CLASSES);
  share(differentiate, n);
  share(sum_gradients, features + units + 1);
  share(update, weights);
}

// ---- Dropout ------------------------------------------------------------------------------------

// Philox 4x32 with 10 rounds, by Salmon and others (2011): four random numbers from a counter and key
static void philox(uint32_t out[4], uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; round++, key0 += 0x9e3779b9, key1 += 0xbb67ae85) {
    uint64_t one = (uint64_t)0xd2511f53 * out[0], two = (uint64_t)0xcd9e8d57 * out[2];
    out[0] = (uint32_t)(two >> 32) ^ out[1] ^ key0, out[1] = (uint32_t)two;
    out[2] = (uint32_t)(one >> 32) ^ out[3] ^ key1, out[3] = (uint32_t)one;
  }
}

// Applies dropout to x: sets columns to 0, or multiplies them by `scale`, which is 1 / (1 - dropout).
static inline void drop(float dropout, float scale, uint32_t seed) {
  uint32_t q[4] = {seed, 0, steps, 0}, random[4];
  philox(q, 0x3ec8f720, 0x02461e29);
  for (int i = 0; i < n * features; i++) {
    if (i % 4 == 0) {
      random[0] = i / 4, random[1] = 0, random[2] = q[2], random[3] = q[3];
      philox(random, q[0], q[1]);
    }
    float number = (random[i % 4] >> 9) * 0x1p-23f, factor = number < dropout ? 0 : scale;
    for (int t = 0; t < timesteps; t++) x[t * n * features + i] *= factor;
  }
}
