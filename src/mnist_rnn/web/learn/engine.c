// A training step of the network, with TensorFlow's bits: each number is a float32, each operation
// is rounded once, and each sum is added in TensorFlow's order.
//
// It is compiled twice to WebAssembly. With FUSED, a product is added to a sum by an instruction
// that rounds once where the CPU has one; the page asks first whether it does. Without, the same
// result comes from float64: slower, on any CPU. `engine.py` has the compiler and its options,
// of which one matters for the bits: the compiler may not fuse operations by itself.

#include <stdint.h>
#include <wasm_simd128.h>

enum { STEPS = 28, FEATURES = 28, CLASSES = 10, PIXELS = STEPS * FEATURES };
enum { UNITS = 256, BATCH = 256, IMAGES = 2048 }; // at most
enum { LARGEST = STEPS * BATCH * FEATURES };      // numbers in a matrix that is multiplied

// What the page writes and reads. A batch is the images whose numbers stand in `order`.
uint8_t images[IMAGES * PIXELS], labels[IMAGES];
uint16_t order[BATCH];
int units = UNITS;
float weights[FEATURES * UNITS + UNITS * UNITS + UNITS + UNITS * CLASSES + CLASSES];
float states[(STEPS + 1) * BATCH * UNITS]; // (timesteps + 1, n, units): zeros, then after each row
float logits[BATCH * CLASSES];
uint8_t message[sizeof weights + 256], hash[32];

// The weights, in Keras's order.
static float *kernel(void) { return weights; }
static float *recurrent_kernel(void) { return kernel() + FEATURES * units; }
static float *bias(void) { return recurrent_kernel() + units * units; }
static float *dense_kernel(void) { return bias() + units; }
static float *dense_bias(void) { return dense_kernel() + units * CLASSES; }

// ---- Products of matrices -----------------------------------------------------------------------
//
// Each element is s = 0; then s = round(s + a[i, k] * b[k, j]) for k = 0, 1, ... A tile of TALL rows
// and WIDE columns of the product is computed at once. Before, both matrices are packed: the numbers
// that a tile needs for one k stand side by side, as zeros where the matrix has ended.

#ifdef FUSED
typedef float number;
enum { TALL = 4, WIDE = 8, LANES = 4 };
#else
typedef double number;
enum { TALL = 4, WIDE = 4, LANES = 2 };
#endif
typedef float tile_of_sums[TALL][WIDE];

static number rows_packed[LARGEST], columns_packed[UNITS * UNITS], recurrent_packed[UNITS * UNITS];

#ifdef FUSED
static void compute_tile(const number *a, const number *b, int inner, tile_of_sums out) {
  v128_t sum[TALL][WIDE / LANES] = {0};
  for (int k = 0; k < inner; k++, a += TALL, b += WIDE)
    for (int i = 0; i < TALL; i++)
      for (int j = 0; j < WIDE / LANES; j++)
        sum[i][j] = wasm_f32x4_relaxed_madd(wasm_v128_load32_splat(a + i),
                                            wasm_v128_load(b + LANES * j), sum[i][j]);
  for (int i = 0; i < TALL; i++)
    for (int j = 0; j < WIDE / LANES; j++) wasm_v128_store(&out[i][LANES * j], sum[i][j]);
}
#else
// The product of two float32 is exact in float64. Adding it to the sum there, and rounding that to
// float32, rounds twice: it errs only if the float64 lies halfway between two float32, where the
// lower 29 bits are 1 followed by zeros. A tile in which that happens is computed again, with the
// addition rounded to odd: an inexact sum with an even last bit is replaced by its neighbour on the
// side of the exact sum. That is never halfway, and on the right side of it (Boldo and Melquiond,
// "Emulation of a FMA and correctly rounded sums", 2008).
static v128_t add_to_odd(v128_t sum, v128_t product) {
  v128_t added = wasm_f64x2_add(sum, product), part = wasm_f64x2_sub(added, sum);
  v128_t error = wasm_f64x2_add(wasm_f64x2_sub(sum, wasm_f64x2_sub(added, part)),
                                wasm_f64x2_sub(product, part));
  v128_t one = wasm_i64x2_splat(1);
  v128_t inexact = wasm_f64x2_ne(error, wasm_f64x2_splat(0));
  v128_t even = wasm_i64x2_sub(wasm_v128_and(added, one), one);
  v128_t towards_error = wasm_v128_or(wasm_i64x2_shr(wasm_v128_xor(added, error), 63), one);
  return wasm_i64x2_add(added, wasm_v128_and(wasm_v128_and(inexact, even), towards_error));
}

static inline int try_tile(const number *a, const number *b, int inner, tile_of_sums out, int odd) {
  v128_t sum[TALL][2] = {0}, lowest = {0}; // WIDE is two times two lanes
  for (int k = 0; k < inner; k++, a += TALL, b += WIDE)
    for (int i = 0; i < TALL; i++) {
      v128_t factor = wasm_v128_load64_splat(a + i), added[2];
      for (int j = 0; j < 2; j++) {
        v128_t product = wasm_f64x2_mul(factor, wasm_v128_load(b + LANES * j));
        added[j] = odd ? add_to_odd(sum[i][j], product) : wasm_f64x2_add(sum[i][j], product);
        sum[i][j] = wasm_f64x2_promote_low_f32x4(wasm_f32x4_demote_f64x2_zero(added[j]));
      }
      // The lower halves; what lies halfway is, shifted by three bits, the least int32.
      v128_t low = wasm_i32x4_shuffle(added[0], added[1], 0, 2, 4, 6);
      lowest = wasm_i32x4_min(lowest, wasm_i32x4_shl(low, 3));
    }
  for (int i = 0; i < TALL; i++)
    for (int j = 0; j < 2; j++)
      wasm_v128_store64_lane(&out[i][LANES * j], wasm_f32x4_demote_f64x2_zero(sum[i][j]), 0);
  return wasm_v128_any_true(wasm_i32x4_eq(lowest, wasm_i32x4_splat(INT32_MIN)));
}

static void compute_tile(const number *a, const number *b, int inner, tile_of_sums out) {
  if (try_tile(a, b, inner, out, 0)) try_tile(a, b, inner, out, 1);
}
#endif

// Of `count` rows (or columns), `wide` at a time: for each k, the numbers of all of them. In `in`,
// a row's next number is `next` further on, and the next row's is `across` further on.
static inline void pack(number *out, const float *in, int count, int across, int inner, int next,
                        int wide) {
  for (int first = 0; first < count; first += wide)
    for (int k = 0; k < inner; k++)
      for (int i = 0; i < wide; i++)
        *out++ = first + i < count ? in[(first + i) * across + k * next] : 0;
}

static void pack_rows(const float *a, int rows, int across, int inner, int next) {
  if (across == 1) pack(rows_packed, a, rows, 1, inner, next, TALL);
  else pack(rows_packed, a, rows, across, inner, 1, TALL);
}

static void pack_columns(number *out, const float *b, int columns, int across, int inner,
                         int next) {
  if (across == 1) pack(out, b, columns, 1, inner, next, WIDE);
  else pack(out, b, columns, across, inner, 1, WIDE);
}

// out (rows, columns) = the packed rows times these packed columns.
static void multiply(float *out, int rows, int inner, const number *packed, int columns) {
  for (int j = 0; j < columns; j += WIDE)
    for (int i = 0; i < rows; i += TALL) {
      tile_of_sums sums;
      compute_tile(rows_packed + i * inner, packed + j * inner, inner, sums);
      for (int y = 0; y < TALL && i + y < rows; y++)
        for (int x = 0; x < WIDE && j + x < columns; x++)
          out[(i + y) * columns + j + x] = sums[y][x];
    }
}

// ---- Functions, by XLA's formulas ---------------------------------------------------------------

static inline float tanh_of(float given) {
  static const float above[] = {-2.76076847742355e-16f, 2.00018790482477e-13f,
                                -8.60467152213735e-11f, 5.12229709037114e-08f,
                                1.48572235717979e-05f,  6.37261928875436e-04f,
                                4.89352455891786e-03f};
  static const float below[] = {1.19825839466702e-06f, 1.18534705686654e-04f,
                                2.26843463243900e-03f, 4.89352518554385e-03f};
  float size = __builtin_fabsf(given), most = 7.99881172180175781f;
  float x = given < -most ? -most : given > most ? most : given;
  float square = x * x, numerator = above[0], denominator = below[0];
  for (int i = 1; i < 7; i++) numerator = numerator * square + above[i];
  for (int i = 1; i < 4; i++) denominator = denominator * square + below[i];
  float quotient = (x * numerator) / denominator;
  float nearly = size < 0.0004f ? given : quotient;
  return size < 20.0f ? nearly : __builtin_copysignf(1.0f, given);
}

static float exp_of(float x) {
  static const float series[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  x = x < -87.8f ? -87.8f : x > 88.8f ? 88.8f : x;
  float whole = __builtin_floorf(0.5f + x * 1.44269502f);
  whole = whole < -127.0f ? -127.0f : whole > 127.0f ? 127.0f : whole;
  float rest = (x - 0.693359375f * whole) - -2.12194440e-4f * whole, sum = series[0];
  for (int i = 1; i < 6; i++) sum = sum * rest + series[i];
  union { int32_t bits; float value; } power = {((int32_t)whole + 127) << 23};
  return (1.0f + (rest + sum * (rest * rest))) * power.value;
}

// ---- The network --------------------------------------------------------------------------------

static float pixels[STEPS * BATCH * FEATURES], seen[STEPS * BATCH * UNITS], product[UNITS * BATCH];

// The states after each row and the logits, of a batch of n images.
__attribute__((export_name("read"))) void read(int n) {
  int size = n * units;
  for (int t = 0; t < STEPS; t++)
    for (int i = 0; i < n; i++)
      for (int p = 0; p < FEATURES; p++)
        pixels[(t * n + i) * FEATURES + p] =
            (float)images[order[i] * PIXELS + t * FEATURES + p] / 255.0f;
  pack_rows(pixels, STEPS * n, FEATURES, FEATURES, 1);
  pack_columns(columns_packed, kernel(), units, 1, FEATURES, units);
  multiply(seen, STEPS * n, FEATURES, columns_packed, units);
  for (int i = 0; i < size; i++) states[i] = 0;
  pack_columns(recurrent_packed, recurrent_kernel(), units, 1, units, units);
  for (int t = 0; t < STEPS; t++) {
    float *next = states + (t + 1) * size;
    pack_rows(states + t * size, n, units, units, 1);
    multiply(product, n, units, recurrent_packed, units);
    for (int i = 0; i < n; i++)
      for (int j = 0; j < units; j++) {
        float z = seen[t * size + i * units + j] + bias()[j];
        next[i * units + j] = tanh_of(z + product[i * units + j]);
      }
  }
  pack_rows(states + STEPS * size, n, units, units, 1);
  pack_columns(columns_packed, dense_kernel(), CLASSES, 1, units, CLASSES);
  multiply(logits, n, units, columns_packed, CLASSES);
  for (int i = 0; i < n; i++)
    for (int c = 0; c < CLASSES; c++) logits[i * CLASSES + c] += dense_bias()[c];
}

static float of_logits[BATCH * CLASSES], of_state[BATCH * UNITS], of_sum[BATCH * UNITS];
static float gradients[sizeof weights / sizeof *weights], parts[UNITS];

// The mean cross-entropy's gradient with respect to the logits.
static void differentiate_loss(int n) {
  float share = 1.0f / (float)n;
  for (int i = 0; i < n; i++) {
    const float *z = logits + i * CLASSES;
    float most = z[0], powers[CLASSES];
    for (int c = 1; c < CLASSES; c++) most = z[c] > most ? z[c] : most;
    for (int c = 0; c < CLASSES; c++) powers[c] = exp_of(z[c] - most);
    float sum = powers[0];
    for (int c = 1; c < CLASSES; c++) sum += powers[c];
    float scale = share * (1.0f / sum);
    for (int c = 0; c < CLASSES; c++)
      of_logits[i * CLASSES + c] = scale * powers[c] - (labels[order[i]] == c ? share : 0.0f);
  }
}

// Adds the sums of the columns of a (n, columns): in parts of 32 rows, then the parts.
static void add_rows(float *out, const float *a, int n, int columns) {
  float whole[UNITS] = {0};
  for (int first = 0; first < n; first += 32) {
    for (int j = 0; j < columns; j++) parts[j] = 0;
    for (int i = first; i < n && i < first + 32; i++)
      for (int j = 0; j < columns; j++) parts[j] += a[i * columns + j];
    for (int j = 0; j < columns; j++) whole[j] += parts[j];
  }
  for (int j = 0; j < columns; j++) out[j] += whole[j];
}

static void add(float *out, const float *a, int size) {
  for (int i = 0; i < size; i++) out[i] += a[i];
}

// One step of gradient descent with a batch of n images.
__attribute__((export_name("step"))) void step(int n, float learning_rate) {
  int size = n * units, count = dense_bias() + CLASSES - weights;
  float *of_kernel = gradients, *of_recurrent_kernel = gradients + (recurrent_kernel() - weights),
        *of_bias = gradients + (bias() - weights);
  read(n);
  differentiate_loss(n);
  for (int i = 0; i < count; i++) gradients[i] = 0;
  pack_rows(states + STEPS * size, units, 1, n, units);
  pack_columns(columns_packed, of_logits, CLASSES, 1, n, CLASSES);
  multiply(gradients + (dense_kernel() - weights), units, n, columns_packed, CLASSES);
  add_rows(gradients + (dense_bias() - weights), of_logits, n, CLASSES);
  pack_rows(of_logits, n, CLASSES, CLASSES, 1);
  pack_columns(columns_packed, dense_kernel(), units, CLASSES, CLASSES, 1);
  multiply(of_state, n, CLASSES, columns_packed, units);
  pack_columns(recurrent_packed, recurrent_kernel(), units, units, units, 1);
  for (int t = STEPS - 1; t >= 0; t--) {
    const float *state = states + (t + 1) * size, *before = states + t * size;
    for (int i = 0; i < size; i++) of_sum[i] = of_state[i] * (1.0f - state[i] * state[i]);
    add_rows(of_bias, of_sum, n, units);
    pack_columns(columns_packed, of_sum, units, 1, n, units);
    pack_rows(pixels + t * n * FEATURES, FEATURES, 1, n, FEATURES);
    multiply(product, FEATURES, n, columns_packed, units);
    add(of_kernel, product, FEATURES * units);
    if (t == 0) break; // the state before the first row is zero, and has no gradient
    pack_rows(before, units, 1, n, units);
    multiply(product, units, n, columns_packed, units);
    add(of_recurrent_kernel, product, units * units);
    pack_rows(of_sum, n, units, units, 1);
    multiply(of_state, n, units, recurrent_packed, units);
  }
  for (int i = 0; i < count; i++) weights[i] -= gradients[i] * learning_rate;
}

// ---- What the page asks -------------------------------------------------------------------------

// question[0] * question[1] + question[2] as the products compute it, in four places of a tile.
float question[3], answer[4];
__attribute__((export_name("ask"))) void ask(void) {
  number a[2 * TALL], b[2 * WIDE];
  for (int i = 0; i < TALL; i++) a[i] = question[2], a[TALL + i] = question[0];
  for (int j = 0; j < WIDE; j++) b[j] = 1, b[WIDE + j] = question[1];
  tile_of_sums sums;
  compute_tile(a, b, 2, sums);
  for (int i = 0; i < TALL; i++) answer[i] = sums[i][i];
}

// 0 / 0: the sign of the result is the CPU's choice, and tells x86 from ARM.
float zero;
__attribute__((export_name("divide"))) void divide(void) { answer[0] = zero / zero; }

static uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

static uint32_t read_word(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

// SHA-256 (FIPS 180-4) of the first `length` bytes of `message`, into `hash`.
__attribute__((export_name("digest"))) void digest(int length) {
  static const uint32_t rounds[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  };
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  int size = (length + 72) / 64 * 64; // a bit that is 1, zeros, and the length in 8 bytes
  for (int i = length; i < size; i++) message[i] = i == length ? 0x80 : 0;
  for (int i = 0; i < 4; i++) message[size - 1 - i] = (uint32_t)length * 8 >> 8 * i;
  for (const uint8_t *block = message; block < message + size; block += 64) {
    uint32_t w[64], v[8];
    for (int t = 0; t < 64; t++) {
      if (t < 16) {
        w[t] = read_word(block + 4 * t);
        continue;
      }
      uint32_t x = w[t - 15], y = w[t - 2];
      w[t] = w[t - 16] + (turn(x, 7) ^ turn(x, 18) ^ x >> 3) + w[t - 7] +
             (turn(y, 17) ^ turn(y, 19) ^ y >> 10);
    }
    for (int i = 0; i < 8; i++) v[i] = state[i];
    for (int t = 0; t < 64; t++) {
      uint32_t e = v[4], a = v[0];
      uint32_t first = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
                       ((e & v[5]) ^ (~e & v[6])) + rounds[t] + w[t];
      uint32_t second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
                        ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
      for (int i = 7; i > 0; i--) v[i] = v[i - 1];
      v[4] += first;
      v[0] = first + second;
    }
    for (int i = 0; i < 8; i++) state[i] += v[i];
  }
  for (int i = 0; i < 32; i++) hash[i] = state[i / 4] >> (24 - 8 * (i % 4));
}
