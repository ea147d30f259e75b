// The training of docs/specification.md in C: SimpleRNN, a dense layer, cross-entropy and SGD.
//
// What makes the bits: each operation of float32 is rounded once, `fmaf` stands for the terms of
// products alone (-ffp-contract=off), each sum has one order, and results below 2^-126 become 0.
// They hold on each CPU. Without FMA instructions, `fmaf` is a slow function of the C library.
//
//   cc -O3 -march=native -ffp-contract=off implementations/rnn.c -lm -o rnn
//   ./rnn data/mnist INPUTS              trains; the file is from `python -m mnist_rnn.bits.inputs`
//   ./rnn docs/known-answers.json CASE   prints the arrays of this case's step, in the same form

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

enum { CLASSES = 10, PIXELS = 784 };
static int timesteps, features, units, n; // n: the images of a batch, whose labels are in y
static float rate, *w, *u, *b, *v, *c, *dw, *du, *db, *dv, *dc; // the weights, and their gradients
static float *x, *h, *d, *dh; // by timestep: (timesteps, n, features or units); h has one more
static float *z, *g;          // (n, CLASSES)
static float *product, *ut, *vt; // a matrix for a moment; U and V transposed
static uint8_t *y;
static double loss; // the sum of the losses of the batch's images

// ---- Sums ---------------------------------------------------------------------------------------

#if defined __AVX512F__
enum { LANES = 16, TALL = 8 };
#elif defined __AVX__
enum { LANES = 8, TALL = 4 };
#else
enum { LANES = 4, TALL = 4 };
#endif
enum { WIDE = 2 * LANES }; // TALL rows and WIDE columns of a product are computed in registers
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));

static inline lanes fuse(float a, lanes b, lanes s) {
  for (int i = 0; i < LANES; i++) s[i] = fmaf(a, b[i], s[i]);
  return s;
}

// Elements of a product: s = 0, s = fma(a[i, k], b[k, j], s) for each k of a part; then the parts
// are added. In a, the next row is `across` further on, and the next k is `down` further on.
static inline void tile(float *out, const float *a, int across, int down, const float *b,
                        int terms, int columns, int part) {
  lanes total[TALL][2];
  for (int from = 0; from < terms; from += part) {
    lanes s[TALL][2] = {0};
    for (int k = from; k < terms && k < from + part; k++)
#pragma GCC unroll 8
      for (int i = 0; i < TALL; i++)
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++)
          s[i][j] = fuse(a[i * across + k * down], *(lanes *)(b + k * columns + j * LANES), s[i][j]);
    for (int i = 0; i < TALL; i++)
      for (int j = 0; j < 2; j++) total[i][j] = from ? total[i][j] + s[i][j] : s[i][j];
  }
  for (int i = 0; i < TALL; i++)
    for (int j = 0; j < 2; j++) *(lanes *)(out + i * columns + j * LANES) = total[i][j];
}

static void element(float *out, const float *a, int down, const float *b, int terms, int columns,
                    int part) {
  for (int from = 0; from < terms; from += part) {
    float s = 0;
    for (int k = from; k < terms && k < from + part; k++)
      s = fmaf(a[k * down], b[k * columns], s);
    *out = from ? *out + s : s;
  }
}

static void sum(float *out, const float *a, int across, int down, const float *b, int rows,
                int terms, int columns, int part) {
  for (int i = 0; i < rows; i += TALL)
    for (int j = 0; j < columns; j += WIDE) {
      // The last tile computes some elements again.
      int top = i + TALL > rows ? rows - TALL : i, left = j + WIDE > columns ? columns - WIDE : j;
      if (top >= 0 && left >= 0)
        tile(out + top * columns + left, a + top * across, across, down, b + left, terms, columns,
             part);
      else
        for (int p = i; p < rows && p < i + TALL; p++)
          for (int q = j; q < columns && q < j + WIDE; q++)
            element(out + p * columns + q, a + p * across, down, b + q, terms, columns, part);
    }
}

// a (rows, terms) times b (terms, columns): parts of 256 terms.
static void multiply(float *out, const float *a, const float *b, int rows, int terms, int columns) {
  sum(out, a, terms, 1, b, rows, terms, columns, 256);
}

static void transpose(float *out, const float *a, int rows, int columns) {
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) out[j * rows + i] = a[i * columns + j];
}

// Adds the transposed matrix a (n, rows) times b (n, columns): parts of 128 images.
static void sum_products(float *out, const float *a, const float *b, int rows, int columns) {
  sum(product, a, 1, rows, b, rows, n, columns, 128);
  for (int i = 0; i < rows * columns; i++) out[i] += product[i];
}

// Adds the rows of a (n, columns): parts of 128 images, each in parts of 32; WIDE columns at once.
static void sum_images(float *out, const float *a, int columns) {
  for (int left = 0; left < columns; left += WIDE) {
    int wide = columns - left < WIDE ? columns - left : WIDE;
    float total[WIDE] = {0};
    for (int first = 0; first < n; first += 128) {
      float part[WIDE] = {0};
      for (int start = first; start < n && start < first + 128; start += 32) {
        float s[WIDE] = {0};
        for (int i = start; i < n && i < start + 32; i++)
          for (int j = 0; j < wide; j++) s[j] += a[i * columns + left + j];
        for (int j = 0; j < wide; j++) part[j] += s[j];
      }
      for (int j = 0; j < wide; j++) total[j] += part[j];
    }
    for (int j = 0; j < wide; j++) out[left + j] += total[j];
  }
}

// ---- Functions ----------------------------------------------------------------------------------

static inline float tanh_of(float x) {
  static const float A[] = {-2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f,
                            5.12229709037114e-08f,  1.48572235717979e-05f, 6.37261928875436e-04f,
                            4.89352455891786e-03f};
  static const float B[] = {1.19825839466702e-06f, 1.18534705686654e-04f, 2.26843463243900e-03f,
                            4.89352518554385e-03f};
  float size = fabsf(x), limit = 7.99881172180175781f;
  float held = x < -limit ? -limit : x > limit ? limit : x;
  float q = held * held, above = A[0], below = B[0];
  for (int i = 1; i < 7; i++) above = above * q + A[i];
  for (int i = 1; i < 4; i++) below = below * q + B[i];
  float quotient = held * above / below;
  float one = copysignf(1, x), near_one = size < 20 ? quotient : one;
  return size < 0.0004f ? x : near_one;
}

static float exp_of(float x) { // x <= 0
  static const float P[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                            4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
  x = x < -87.8f ? -87.8f : x;
  float k = floorf(0.5f + x * 1.44269502f), r = (x - 0.693359375f * k) - -2.12194440e-4f * k;
  float p = P[0];
  for (int i = 1; i < 6; i++) p = p * r + P[i];
  union { int32_t bits; float value; } power = {((int32_t)k + 127) << 23};
  return (1 + (r + p * (r * r))) * power.value;
}

// ---- The network --------------------------------------------------------------------------------

// h_t = tanh((x_t W + b) + h_{t-1} U)
static void forward(const float *x, const float *before, float *h) {
  multiply(h, x, w, n, features, units);
  multiply(product, before, u, n, units, units);
  for (int i = 0; i < n * units; i += units)
    for (int j = 0; j < units; j++) h[i + j] = tanh_of((h[i + j] + b[j]) + product[i + j]);
}

// d = dh (1 - h h), and with it the gradients with respect to h_{t-1}, W, b and U
static void backward(const float *x, const float *before, const float *h, const float *dh, float *d,
                     float *dh_before) {
  for (int i = 0; i < n * units; i++) d[i] = dh[i] * (1 - h[i] * h[i]);
  if (dh_before) multiply(dh_before, d, ut, n, units, units);
  sum_products(dw, x, d, features, units);
  sum_images(db, d, units);
  sum_products(du, before, d, units, units);
}

// The logits z of the batch, and all hidden states.
static void predict(void) {
  memset(h, 0, 4L * n * units);
  for (int t = 0; t < timesteps; t++)
    forward(x + t * n * features, h + t * n * units, h + (t + 1) * n * units);
  multiply(z, h + timesteps * n * units, v, n, units, CLASSES);
  for (int i = 0; i < n * CLASSES; i++) z[i] += c[i % CLASSES];
}

// g: the gradient of the mean cross-entropy with respect to z.
static void differentiate_loss(void) {
  float a = 1 / (float)n;
  loss = 0;
  for (int i = 0; i < n; i++) {
    float e[CLASSES], m = z[i * CLASSES], s = 0;
    for (int j = 1; j < CLASSES; j++) m = fmaxf(m, z[i * CLASSES + j]);
    for (int j = 0; j < CLASSES; j++) s += e[j] = exp_of(z[i * CLASSES + j] - m);
    for (int j = 0; j < CLASSES; j++)
      g[i * CLASSES + j] = (a * (1 / s)) * e[j] - (j == y[i] ? a : 0);
    loss += log(s) - (z[i * CLASSES + y[i]] - m);
  }
}

// One step of SGD on the batch.
static void step(void) {
  long last = (long)(timesteps - 1) * n * units, weights = dc + CLASSES - dw;
  predict();
  differentiate_loss();
  transpose(ut, u, units, units);
  transpose(vt, v, units, CLASSES);
  memset(dw, 0, 4 * weights);
  sum_products(dv, h + last + n * units, g, units, CLASSES);
  sum_images(dc, g, CLASSES);
  multiply(dh + last, g, vt, n, CLASSES, units);
  for (int t = timesteps - 1; t >= 0; t--) {
    int at = t * n * units;
    backward(x + t * n * features, h + at, h + at + n * units, dh + at, d + at,
             t ? dh + at - n * units : NULL);
  }
  for (int i = 0; i < weights; i++) w[i] -= dw[i] * rate;
}

// ---- The digest: SHA-256 (FIPS 180-4) -----------------------------------------------------------

static uint32_t hash[8];
static uint8_t block[64];
static uint64_t absorbed; // bytes

static uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

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
  for (int i = 0; i < 16; i++)
    s[i] = (uint32_t)block[4 * i] << 24 | block[4 * i + 1] << 16 | block[4 * i + 2] << 8 |
           block[4 * i + 3];
  for (int i = 16; i < 64; i++)
    s[i] = s[i - 16] + (turn(s[i - 15], 7) ^ turn(s[i - 15], 18) ^ s[i - 15] >> 3) + s[i - 7] +
           (turn(s[i - 2], 17) ^ turn(s[i - 2], 19) ^ s[i - 2] >> 10);
  memcpy(a, hash, 32);
  for (int i = 0; i < 64; i++) {
    uint32_t e = a[4], one = a[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
                             ((e & a[5]) ^ (~e & a[6])) + K[i] + s[i];
    uint32_t two = (turn(a[0], 2) ^ turn(a[0], 13) ^ turn(a[0], 22)) +
                   ((a[0] & a[1]) ^ (a[0] & a[2]) ^ (a[1] & a[2]));
    memmove(a + 1, a, 28);
    a[4] += one;
    a[0] = one + two;
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
  memcpy(hash, start, 32);
  absorbed = 0;
}

static void end_digest(void) {
  uint64_t bits = 8 * absorbed;
  absorb("\x80", 1);
  while (absorbed % 64 != 56) absorb("", 1);
  for (int i = 56; i >= 0; i -= 8) absorb(&(uint8_t){bits >> i}, 1);
}
// ---- The program --------------------------------------------------------------------------------

static void *fail(const char *what) {
  fprintf(stderr, "rnn: %s\n", what);
  exit(1);
}

static void *room(long size) {
  void *place = calloc(size, 1);
  return place ? place : fail("not enough memory");
}

// Rooms for batches of `most` images; w, u, b, v and c stand one after the other, as do dw to dc.
static void open_network(int most) {
  long size = 4L * timesteps * most, all = (features + units + 1L + CLASSES) * units + CLASSES;
  w = room(4 * all), u = w + features * units, b = u + units * units, v = b + units;
  dw = room(4 * all), du = dw + features * units, db = du + units * units, dv = db + units;
  c = v + units * CLASSES, dc = dv + units * CLASSES;
  x = room(size * features), h = room(size * units + 4L * most * units), d = room(size * units);
  dh = room(size * units), z = room(4L * most * CLASSES), g = room(4L * most * CLASSES);
  product = room(4 * (all + (long)most * units)), ut = room(4L * units * units);
  vt = room(4L * units * CLASSES), y = room(most);
}

static char *read_file(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s%s%s", folder, *name ? "/" : "", name);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail(path);
  long size = ftell(file);
  char *content = room(size + 1);
  rewind(file);
  if (fread(content, 1, size, file) != (size_t)size) fail(path);
  fclose(file);
  return content;
}

// Puts `count` images, whose numbers are in `order`, or follow on `first`, into the batch.
static void load(const char *images, const char *labels, const int32_t *order, int first,
                 int count) {
  n = count;
  for (int i = 0; i < n; i++) {
    int number = order ? order[i] : first + i;
    const uint8_t *image = (const uint8_t *)images + 16 + 784L * number;
    y[i] = labels[8 + number];
    for (int p = 0; p < 784; p++) x[(p / 28 * n + i) * 28 + p % 28] = image[p] / 255.0f;
  }
}

static void absorb_array(const float *values, int rows, int columns) {
  char head[64];
  if (rows) absorb(head, snprintf(head, sizeof head, "(%d, %d)float32", rows, columns));
  else absorb(head, snprintf(head, sizeof head, "(%d,)float32", columns));
  absorb(values, 4L * (rows ? rows : 1) * columns);
}

static void print_digest(int logits) {
  begin_digest();
  absorb_array(w, features, units), absorb_array(u, units, units), absorb_array(b, 0, units);
  absorb_array(v, units, CLASSES), absorb_array(c, 0, CLASSES);
  if (logits) absorb_array(z, n, CLASSES);
  end_digest();
  for (int i = 0; i < 8; i++) printf("%08x", hash[i]);
  printf("\n");
}

static void train(const char *folder, const char *inputs) {
  const int32_t *numbers = (const int32_t *)read_file(inputs, "");
  int batch_size = numbers[1], train_size = numbers[2], epochs = numbers[3];
  const int32_t *order = numbers + 5;
  timesteps = features = 28, units = numbers[0];
  open_network(batch_size > 100 ? batch_size : 100);
  memcpy(&rate, numbers + 4, 4);
  memcpy(w, order, 4L * (dc + CLASSES - dw));
  order += dc + CLASSES - dw;
  char *images = read_file(folder, "train-images-idx3-ubyte");
  char *labels = read_file(folder, "train-labels-idx1-ubyte");
  char *test_images = read_file(folder, "t10k-images-idx3-ubyte");
  char *test_labels = read_file(folder, "t10k-labels-idx1-ubyte");
  for (int epoch = 1; epoch <= epochs; epoch++, order += train_size) {
    double total = 0;
    for (int i = 0; i < train_size; i += batch_size) {
      load(images, labels, order + i, 0, i + batch_size < train_size ? batch_size : train_size - i);
      step();
      total += loss;
    }
    int errors = 0;
    for (int i = 0; i < 10000; i += 100) {
      load(test_images, test_labels, NULL, i, 100);
      predict();
      for (int j = 0; j < n; j++) {
        int most = 0;
        for (int k = 1; k < CLASSES; k++)
          if (z[j * CLASSES + k] > z[j * CLASSES + most]) most = k;
        errors += most != y[j];
      }
    }
    printf("epoch %d: loss %.4f, %d test errors, weights ", epoch, total / train_size, errors);
    print_digest(0);
    fflush(stdout);
  }
  load(test_images, test_labels, NULL, 0, 100);
  predict();
  printf("with the logits of 100 test images: ");
  print_digest(1);
}

int main(int count, char **words) {
#ifdef __SSE__
  _mm_setcsr(_mm_getcsr() | 0x8040); // results and arguments below 2^-126 become 0
#elif defined __aarch64__
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24));
#endif
  if (count != 3) fail("expected data/mnist INPUTS, or docs/known-answers.json CASE");
  train(words[1], words[2]);
}
