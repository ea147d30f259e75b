// The training of docs/specification.md in C: SimpleRNN, Dense(10), cross-entropy and SGD.
//
// The bits are the same on every CPU, because each float32 operation is rounded once. The terms of
// products are added by fused multiply-add, `fmaf`. -ffp-contract=off keeps the compiler from fusing
// other operations. Each sum has one order of its terms, and results below 2^-126 become 0. On a CPU
// without FMA instructions, `fmaf` is a slow function of the C library.
// `commands.c` reads files, prints results, and says how to compile both files. `commands.c` is a
// separate file, because learn.html contains only the network of this file, in WebAssembly.

#include <stdint.h>
#ifndef __wasm__ // for WebAssembly, web/learn/engine.c defines these and includes this file
#include <math.h>
#include <string.h>
#define flush(x) (x) // `main` sets the CPU to flush results below 2^-126
#endif

enum { CLASSES = 10 };
static int timesteps, features, units, n; // n: the number of images in a batch
static float rate, *w, *u, *b, *v, *c, *dw, *du, *db, *dv, *dc; // the weights and their gradients
static float *x, *h, *d, *dh;  // (timesteps, n, features or units); before them, h has zeros
static float *z, *g, *product; // z, g: (n, 10); product: any matrix, temporarily
static float *ut, *vt;         // U and V, transposed
static uint8_t *y;             // the labels
static double loss; // the sum of the losses of the batch's images

static void *room(long size); // allocates this number of bytes, all 0

// Allocates arrays for batches of `most` images; w, u, b, v and c are adjacent, as are dw to dc.
static void open_network(int most) {
  long weights = (features + units + 1L + CLASSES) * units + CLASSES, states = 4L * most * units;
  w = room(4 * weights), u = w + features * units, b = u + units * units, v = b + units;
  dw = room(4 * weights), du = dw + features * units, db = du + units * units, dv = db + units;
  c = v + units * CLASSES, dc = dv + units * CLASSES, y = room(most);
  x = room(4L * timesteps * most * features), h = room((timesteps + 1) * states);
  d = room(timesteps * states), dh = room(timesteps * states), z = room(4L * most * CLASSES);
  g = room(4L * most * CLASSES), product = room(4 * weights + states);
  ut = room(4L * units * units), vt = room(4L * units * CLASSES);
}

// ---- Sums ---------------------------------------------------------------------------------------

enum { LANES = __BIGGEST_ALIGNMENT__ / 4, TALL = LANES > 8 ? 8 : 4, WIDE = 2 * LANES };
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));

static inline lanes fuse(float a, lanes b, lanes s); // a b + s, rounded once
#ifndef __wasm__
static inline lanes fuse(float a, lanes b, lanes s) {
  for (int i = 0; i < LANES; i++) s[i] = fmaf(a, b[i], s[i]);
  return s;
}
#endif

// Computes TALL rows and WIDE columns of a product. Within each part, the terms
// a[i, k] b[k, j] are added to 0, for k from first to last, each by a fused multiply-add. Then the
// parts are added in order. In a, adjacent rows are `across` numbers apart, and adjacent k are
// `down` numbers apart.
static void tile(float *out, const float *a, int across, int down, const float *b, int terms,
                 int columns, int part) {
  lanes total[TALL][2];
  for (int from = 0; from < terms; from += part) {
    lanes s[TALL][2] = {0};
    for (int k = from; k < terms && k < from + part; k++)
#pragma GCC unroll 8
      for (int i = 0; i < TALL; i++)
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++)
          s[i][j] =
              fuse(a[i * across + k * down], *(lanes *)(b + k * columns + j * LANES), s[i][j]);
    for (int i = 0; i < 2 * TALL; i++)
      total[i / 2][i % 2] = from ? total[i / 2][i % 2] + s[i / 2][i % 2] : s[i / 2][i % 2];
  }
  for (int i = 0; i < 2 * TALL; i++)
    *(lanes *)(out + i / 2 * columns + i % 2 * LANES) = total[i / 2][i % 2];
}

static void element(float *out, const float *a, int down, const float *b, int terms, int columns,
                    int part) {
  for (int from = 0; from < terms; from += part) {
    lanes s = {0};
    for (int k = from; k < terms && k < from + part; k++)
      s = fuse(a[k * down], (lanes){b[k * columns]}, s);
    *out = from ? *out + s[0] : s[0];
  }
}

static void sum(float *out, const float *a, int across, int down, const float *b, int rows,
                int terms, int columns, int part) {
  for (int i = 0; i < rows; i += TALL)
    for (int j = 0; j < columns; j += WIDE)
      if (rows >= TALL && columns >= WIDE) { // the last tile computes some elements again
        int top = i + TALL > rows ? rows - TALL : i, left = j + WIDE > columns ? columns - WIDE : j;
        tile(out + top * columns + left, a + top * across, across, down, b + left, terms, columns,
             part);
      } else
        for (int p = i; p < rows && p < i + TALL; p++)
          for (int q = j; q < columns && q < j + WIDE; q++)
            element(out + p * columns + q, a + p * across, down, b + q, terms, columns, part);
}

// Multiplies a (rows, terms) by b (terms, columns), in parts of 256 terms.
static void multiply(float *out, const float *a, const float *b, int rows, int terms, int columns) {
  sum(out, a, terms, 1, b, rows, terms, columns, 256);
}

// Adds to `out` a^T b, a sum over the images, for a (n, rows) and b (n, columns), in parts of 128.
static void sum_products(float *out, const float *a, const float *b, int rows, int columns) {
  sum(product, a, 1, rows, b, rows, n, columns, 128);
  for (int i = 0; i < rows * columns; i++) out[i] += product[i];
}

// Adds to `out` rows of a, in parts of `part` rows, each summed in parts of 128, then 32, then 1.
static void add_rows(float *out, const float *a, int first, int last, int columns, int part) {
  int smaller = part > 128 ? 128 : part > 32 ? 32 : 1;
  for (int i = first; i < last; i += part) {
    float s[columns];
    memset(s, 0, sizeof s);
    if (part > 1) add_rows(s, a, i, i + part < last ? i + part : last, columns, smaller);
    for (int j = 0; j < columns; j++) out[j] += part > 1 ? s[j] : a[i * columns + j];
  }
}

// Adds to `out` the sum of the rows of a (n, columns), in parts of 128, each in parts of 32.
static void sum_images(float *out, const float *a, int columns) {
  add_rows(out, a, 0, n, columns, n);
}

static void transpose(float *out, const float *a, int rows, int columns) {
  for (int i = 0; i < rows * columns; i++) out[i % columns * rows + i / columns] = a[i];
}

// ---- The network --------------------------------------------------------------------------------

static inline float tanh_of(float x) {
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

static float exp_of(float x) { // x <= 0
  static const float P[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                            4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  x = x < -87.8f ? -87.8f : x;
  float k = floorf(0.5f + x * 1.44269502f), r = (x - 0.693359375f * k) - -2.12194440e-4f * k;
  float p = P[0];
  for (int i = 1; i < 6; i++) p = p * r + P[i];
  union { int32_t bits; float value; } power = {((int32_t)k + 127) * (1 << 23)};
  return flush((1 + (r + p * (r * r))) * power.value);
}

// h_t = tanh((x_t W + b) + h_{t-1} U)
static void forward(const float *x, const float *before, float *h) {
  multiply(h, x, w, n, features, units);
  multiply(product, before, u, n, units, units);
  for (int i = 0; i < n * units; i += units)
    for (int j = 0; j < units; j++) h[i + j] = tanh_of((h[i + j] + b[j]) + product[i + j]);
}

// Computes d = dh (1 - h h) and dh_{t-1}, and adds this timestep's terms to dW, db and dU.
static void backward(const float *x, const float *before, const float *h, const float *dh, float *d,
                     float *dh_before) {
  for (int i = 0; i < n * units; i++) d[i] = flush(dh[i] * (1 - h[i] * h[i]));
  if (dh_before) multiply(dh_before, d, ut, n, units, units);
  sum_products(dw, x, d, features, units), sum_images(db, d, units);
  sum_products(du, before, d, units, units);
}

static void predict(void) { // computes all hidden states, and the logits z
  memset(h, 0, 4L * n * units);
  for (int t = 0; t < timesteps; t++)
    forward(x + t * n * features, h + t * n * units, h + (t + 1) * n * units);
  multiply(z, h + timesteps * n * units, v, n, units, CLASSES);
  for (int i = 0; i < n * CLASSES; i++) z[i] += c[i % CLASSES];
}

static void differentiate_loss(void) { // computes g, the gradient of the loss with respect to z
  float a = 1 / (float)n;
  loss = 0;
  for (int i = 0; i < n; i++) {
    float e[CLASSES], *logits = z + i * CLASSES, m = logits[0], s = 0;
    for (int j = 1; j < CLASSES; j++) m = logits[j] > m ? logits[j] : m;
    for (int j = 0; j < CLASSES; j++) s += e[j] = exp_of(logits[j] - m);
    for (int j = 0; j < CLASSES; j++)
      g[i * CLASSES + j] = flush((a * (1 / s)) * e[j] - (j == y[i] ? a : 0));
    loss += log(s) - (logits[y[i]] - m);
  }
}

static void step(void) { // takes one step of SGD on the batch
  int size = n * units, weights = dc + CLASSES - dw;
  predict();
  differentiate_loss();
  transpose(ut, u, units, units), transpose(vt, v, units, CLASSES);
  memset(dw, 0, 4L * weights);
  sum_products(dv, h + timesteps * size, g, units, CLASSES), sum_images(dc, g, CLASSES);
  multiply(dh + (timesteps - 1) * size, g, vt, n, CLASSES, units);
  for (int t = timesteps - 1; t >= 0; t--)
    backward(x + t * n * features, h + t * size, h + (t + 1) * size, dh + t * size, d + t * size,
             t ? dh + (t - 1) * size : 0);
  for (int i = 0; i < weights; i++) w[i] -= flush(dw[i] * rate);
}

// ---- The digest: SHA-256 (FIPS 180-4) -----------------------------------------------------------

static uint32_t hash[8];
static uint8_t block[64];
static uint64_t absorbed; // bytes

static inline uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

static void compress(void) {
  static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  uint32_t s[64], a[8];
  memcpy(a, hash, 32);
  for (int i = 0; i < 64; i++) {
    uint32_t one = i < 16 ? 0 : s[i - 15], two = i < 16 ? 0 : s[i - 2];
    s[i] = i < 16 ? (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
                        block[4 * i + 3]
                  : s[i - 16] + (turn(one, 7) ^ turn(one, 18) ^ one >> 3) + s[i - 7] +
                        (turn(two, 17) ^ turn(two, 19) ^ two >> 10);
    one = a[7] + (turn(a[4], 6) ^ turn(a[4], 11) ^ turn(a[4], 25)) +
          ((a[4] & a[5]) ^ (~a[4] & a[6])) + K[i] + s[i];
    two = (turn(a[0], 2) ^ turn(a[0], 13) ^ turn(a[0], 22)) +
          ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]));
    memmove(a + 1, a, 28);
    a[4] += one, a[0] = one + two;
  }
  for (int i = 0; i < 8; i++) hash[i] += a[i];
}

static void absorb(const void *bytes, long size) {
  for (long i = 0; i < size; i++) {
    block[absorbed++ % 64] = ((const uint8_t *)bytes)[i];
    if (absorbed % 64 == 0) compress();
  }
}

static void begin_digest(void) {
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash, start, 32), absorbed = 0;
}

static void end_digest(void) {
  uint64_t bits = 8 * absorbed;
  for (absorb("\x80", 1); absorbed % 64 != 56;) absorb("", 1);
  for (int i = 56; i >= 0; i -= 8) absorb(&(uint8_t){bits >> i}, 1);
}
