// The engine of learn.html: implementations/rnn.c in WebAssembly, with functions for the page.
//
// This file is compiled twice. With FUSED, one instruction multiplies and adds. On a CPU with fused
// multiply-add, the instruction rounds once, which the page tests first. Without FUSED, float64 gives
// the same result on any CPU, but more slowly. `engine.py` sets the compiler and its options.

#include <wasm_simd128.h>

#define copysignf __builtin_copysignf
#define fabsf __builtin_fabsf
#define floorf __builtin_floorf
#define sqrtf __builtin_sqrtf
#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset
#define log(x) 0 // the page measures the loss itself

// Sets numbers below 2^-126 to 0, because WebAssembly has no mode for it.
static inline float flush(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

#include "../../../../implementations/rnn.c"
#include "../../../../implementations/sha256.c"

static void share(void (*work)(int first, int last), int count) { work(0, count); }

#ifdef FUSED
static inline lanes fuse(float a, lanes b, lanes s) {
  return (lanes)wasm_f32x4_relaxed_madd(wasm_f32x4_splat(a), (v128_t)b, (v128_t)s);
}
#else
// The product of two float32 is exact in float64. Adding it to the sum there, and rounding that to
// float32, rounds twice: it errs only if the float64 lies halfway between two float32, where the
// lower 29 bits are 1 followed by zeros. Then the addition is rounded to odd: an inexact sum with an
// even last bit is replaced by its neighbour on the side of the exact sum. The result never lies
// halfway, and is then rounded correctly (Boldo and Melquiond, "Emulation of a FMA and correctly
// rounded sums", 2008).
static v128_t add_to_odd(v128_t sum, v128_t product, v128_t added) {
  v128_t part = wasm_f64x2_sub(added, sum), one = wasm_i64x2_splat(1);
  v128_t error = wasm_f64x2_add(wasm_f64x2_sub(sum, wasm_f64x2_sub(added, part)),
                                wasm_f64x2_sub(product, part));
  v128_t inexact = wasm_f64x2_ne(error, wasm_f64x2_splat(0));
  v128_t even = wasm_i64x2_sub(wasm_v128_and(added, one), one);
  v128_t towards_error = wasm_v128_or(wasm_i64x2_shr(wasm_v128_xor(added, error), 63), one);
  return wasm_i64x2_add(added, wasm_v128_and(wasm_v128_and(inexact, even), towards_error));
}

static inline lanes fuse(float a, lanes b, lanes s) {
  v128_t upper_b = wasm_i64x2_shuffle((v128_t)b, (v128_t)b, 1, 1);
  v128_t upper_s = wasm_i64x2_shuffle((v128_t)s, (v128_t)s, 1, 1), factor = wasm_f64x2_splat(a);
  v128_t p = wasm_f64x2_mul(factor, wasm_f64x2_promote_low_f32x4((v128_t)b));
  v128_t q = wasm_f64x2_mul(factor, wasm_f64x2_promote_low_f32x4(upper_b));
  v128_t s_p = wasm_f64x2_promote_low_f32x4((v128_t)s);
  v128_t s_q = wasm_f64x2_promote_low_f32x4(upper_s);
  v128_t lower = wasm_f64x2_add(s_p, p), upper = wasm_f64x2_add(s_q, q);
  // The lower 32 bits of each sum, shifted by three: only the first bit is set if it lies halfway.
  v128_t low = wasm_i32x4_shl(wasm_i32x4_shuffle(lower, upper, 0, 2, 4, 6), 3);
  if (wasm_v128_any_true(wasm_i32x4_eq(low, wasm_i32x4_splat(INT32_MIN))))
    lower = add_to_odd(s_p, p, lower), upper = add_to_odd(s_q, q, upper);
  v128_t first = wasm_f32x4_demote_f64x2_zero(lower), then = wasm_f32x4_demote_f64x2_zero(upper);
  return (lanes)wasm_i64x2_shuffle(first, then, 0, 2);
}
#endif

// ---- Memory -------------------------------------------------------------------------------------

enum { PIXELS = 784, BATCH = 256, IMAGES = 2048 }; // the largest numbers
static uint8_t heap[48 << 20] __attribute__((aligned(16)));
static long used;

static void *room(long size) {
  void *place = heap + used;
  used += (size + 15) / 16 * 16;
  return place;
}

#define EXPORT(name) __attribute__((export_name(name)))

// The page writes these arrays. `order` has the numbers of the images of a batch.
uint8_t images[IMAGES * PIXELS], labels[IMAGES], message[64];
uint16_t order[BATCH];

EXPORT("open") void open(int rows, int columns, int number_of_units, int most) {
  memset(heap, 0, used);
  used = 0, timesteps = rows, features = columns, units = number_of_units;
  open_network(most);
}

// Returns the address of an array. The weights are adjacent, and so are their gradients.
EXPORT("find") const void *find(int which) {
  const void *places[] = {x, y, w, h + n * units, z, g, dw, dh, d, hash};
  return places[which];
}

// ---- What the page calls ------------------------------------------------------------------------

// Computes the states after each row and the logits of a batch of `count` images.
EXPORT("read") void read(int count) {
  n = count;
  for (int i = 0; i < n; i++) {
    y[i] = labels[order[i]];
    for (int p = 0; p < PIXELS; p++)
      x[(p / features * n + i) * features + p % features] =
          (float)images[order[i] * PIXELS + p] / 255.0f;
  }
  predict();
}

EXPORT("step") void learn(int count, float learning_rate) {
  read(count);
  rate = learning_rate;
  step();
}

// Takes a step on the batch in x and y.
EXPORT("take") void take(int count, float learning_rate) {
  n = count, rate = learning_rate;
  step();
}

// Compute the SHA-256 of bytes that are given in pieces.
EXPORT("begin") void begin(void) { begin_digest(); }
EXPORT("absorb") void absorb_bytes(const uint8_t *bytes, int size) { absorb(bytes, size); }
EXPORT("end") void end(void) { end_digest(); }

// Computes question[0] * question[1] + question[2] by `fuse`, in all lanes.
float question[3], answer[LANES];
EXPORT("ask") void ask(void) {
  lanes b, s;
  for (int i = 0; i < LANES; i++) b[i] = question[1], s[i] = question[2];
  s = fuse(question[0], b, s);
  for (int i = 0; i < LANES; i++) answer[i] = s[i];
}

// Computes 0 / 0: the sign of the result differs between x86 and ARM.
float zero;
EXPORT("divide") void divide(void) { answer[0] = zero / zero; }
