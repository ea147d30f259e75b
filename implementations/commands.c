// The commands of the C program: train a network, or compute a known case. The network is in rnn.c.
// This file reads MNIST and JSON and prints results, as commands.py does for the Python programs.
//
//   cc -O3 -march=native -ffp-contract=off implementations/commands.c -lm -o rnn
//   ./rnn data/mnist INPUTS              trains; `python -m mnist_rnn.bits.inputs` writes INPUTS
//   ./rnn data/mnist INPUTS OUT STEPS    also writes three files: OUT.steps has the weights after each
//                                        of the first STEPS steps, and of every 20th step up to
//                                        10 STEPS. OUT.epochs has those after each epoch, and
//                                        OUT.digits the predicted digits of the test images
//   ./rnn docs/known-answers.json CASE   prints the arrays of this case's step, as JSON
//
// With -fopenmp, the program uses all cores, or as many as OMP_NUM_THREADS says.

#include "rnn.c"
#include "sha256.c"
#include <stdio.h>
#include <stdlib.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_max_threads(void) { return 1; }
#endif

static void *fail(const char *what, const char *name) {
  fprintf(stderr, "rnn: %s %s\n", what, name);
  exit(1);
}

static void *room(long size) {
  size = (size + 63) / 64 * 64;
  void *place = aligned_alloc(64, size);
  return place ? memset(place, 0, size) : fail("not enough memory", "");
}

static void flush_small_results(void) { // below 2^-126, to 0; each thread has its own mode
#ifdef __SSE__
  _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined __aarch64__
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24));
#endif
}

static void share(void (*work)(int first, int last), int count) {
  int parts = omp_get_max_threads();
#ifdef _OPENMP
#pragma omp parallel for
#endif
  for (int i = 0; i < parts; i++) {
    flush_small_results();
    int first = (long)count * i / parts, last = (long)count * (i + 1) / parts;
    if (first < last) work(first, last);
  }
}

static char *read_file(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s%s%s", folder, *name ? "/" : "", name);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) fail("expected the file", path);
  long size = ftell(file);
  char *content = room(size + 1);
  rewind(file);
  if (fread(content, 1, size, file) != (size_t)size) fail("can't read", path);
  fclose(file);
  return content;
}

// Numbers in files and in the digest are little-endian. Exchanges their bytes on other CPUs.
static void *little_endian(void *numbers, long count) {
  uint8_t *bytes = numbers, one[4];
  for (uint32_t *number = numbers; count-- > 0; bytes += 4) {
    memcpy(one, bytes, 4);
    *number++ = one[0] | one[1] << 8 | one[2] << 16 | (uint32_t)one[3] << 24;
  }
  return numbers;
}

// ---- Training -----------------------------------------------------------------------------------

// Fills the batch with `count` images and labels, from `first` on, in the order `numbers` if given.
static void load(char **files, const int32_t *numbers, int first, int count) {
  n = count;
  for (int i = 0; i < n; i++) {
    int number = numbers ? numbers[first + i] : first + i;
    const uint8_t *pixels = (uint8_t *)files[0] + 16 + 784L * number;
    for (int t = 0; t < 28; t++)
      for (int j = 0; j < 28; j++) x[(t * n + i) * 28 + j] = pixels[t * 28 + j] / 255.0f;
    y[i] = files[1][8 + number];
  }
}

static FILE *outputs[3]; // the files OUT.steps, OUT.epochs and OUT.digits, if they are asked for

static void write_weights(FILE *file) {
  for (int i = 0; file && i < weights; i++) {
    float value = w[i];
    fwrite(little_endian(&value, 1), 4, 1, file);
  }
}

// Counts the misclassified images of the first `count` test images. At the end, z is of the first 100.
static int count_errors(char **files, int count) {
  uint8_t digits[10000];
  int errors = 0;
  for (int first = count - 100; first >= 0; first -= 100) {
    load(files, NULL, first, 100);
    predict();
    for (int i = 0; i < n; i++) {
      int most = 0;
      for (int j = 1; j < CLASSES; j++)
        if (z[i * CLASSES + j] > z[i * CLASSES + most]) most = j;
      errors += most != y[i], digits[first + i] = most;
    }
  }
  if (outputs[2]) fwrite(digits, 1, count, outputs[2]);
  return errors;
}

static void print_digest(int arrays) {
  const float *values[] = {w, u, b, v, c, z};
  int rows[] = {features, units, layer == GRU ? 2 : 0, units, 0, n}; // 0: a vector
  int columns[] = {width, width, width, CLASSES, CLASSES, CLASSES};
  begin_digest();
  for (int i = 0; i < arrays; i++) {
    char head[64] = "(";
    if (rows[i]) sprintf(head, "(%d, ", rows[i]);
    sprintf(head + strlen(head), rows[i] ? "%d)float32" : "%d,)float32", columns[i]);
    absorb(head, strlen(head));
    for (int j = 0; j < columns[i] * (rows[i] ? rows[i] : 1); j++) {
      float value = values[i][j];
      absorb(little_endian(&value, 1), 4);
    }
  }
  end_digest();
  for (int i = 0; i < 8; i++) printf("%08x%s", hash[i], i < 7 ? "" : "\n");
  fflush(stdout);
}

static int first_steps; // the number of steps after which weights are written

static void open_outputs(const char *name) {
  static const char *kinds[] = {"steps", "epochs", "digits"};
  for (int i = 0; i < 3; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s.%s", name, kinds[i]);
    if (!(outputs[i] = fopen(path, "wb"))) fail("can't write", path);
  }
}

static void train(const char *folder, const char *inputs) {
  char *training[] = {read_file(folder, "train-images-idx3-ubyte"),
                      read_file(folder, "train-labels-idx1-ubyte")};
  char *test[] = {read_file(folder, "t10k-images-idx3-ubyte"),
                  read_file(folder, "t10k-labels-idx1-ubyte")};
  int32_t *numbers = (int32_t *)read_file(inputs, "");
  float rates[3]; // learning rate, dropout, 1 / (1 - dropout)
  little_endian(numbers, 10);
  memcpy(rates, numbers + 7, 12);
  int32_t *order = numbers + 10;
  layer = numbers[0], optimizer = numbers[1], units = numbers[2];
  int batch_size = numbers[3], size = numbers[4], epochs = numbers[5];
  uint32_t seed = numbers[6];
  int tested = size < 100 ? 100 : size < 1000 ? size / 100 * 100 : 10000;
  timesteps = features = 28, rate = rates[0];
  open_network(batch_size > 100 ? batch_size : 100);
  little_endian(order, weights + (long)epochs * size);
  memcpy(w, order, 4L * weights);
  order += weights;
  for (int epoch = 1; epoch <= epochs; epoch++, order += size) {
    double total = 0;
    for (int i = 0; i < size; i += batch_size) {
      load(training, order, i, i + batch_size < size ? batch_size : size - i);
      if (rates[1]) drop(rates[1], rates[2], seed);
      step();
      if (steps <= first_steps || (steps <= 10 * first_steps && steps % 20 == 0))
        write_weights(outputs[0]);
      for (int j = 0; j < n; j++) total += losses[j];
    }
    printf("epoch %d: loss %.4f, %d errors of %d test images, weights ", epoch, total / size,
           count_errors(test, tested), tested);
    print_digest(5), write_weights(outputs[1]);
  }
  printf("weights and logits of 100 test images: ");
  print_digest(6);
}

// ---- A known case -------------------------------------------------------------------------------

// Returns the numbers of an array of the case that begins at `text`, and sets its shape.
static float *read_array(const char *text, const char *name, int *shape) {
  char key[32], *at;
  snprintf(key, sizeof key, "\"%s\": [[", name);
  if (!(at = strstr(text, key))) fail("expected the array", name);
  long size = 1;
  for (at += strlen(key); *at != ']'; at += *at == ',') size *= *shape++ = strtol(at, &at, 10);
  float *values = room(4 * size);
  at = strchr(at, '"') + 1;
  for (long i = 0; i < size; i++) values[i] = strtof(at, &at);
  return values;
}

static void print_array(const char *name, const float *values, int first, int second, int third) {
  int sizes[] = {first, second, third}, rank = third ? 3 : second ? 2 : 1;
  long size = 1;
  printf(",\n \"%s\": [[", name);
  for (int i = 0; i < rank; i++) printf("%s%d", i ? ", " : "", sizes[i]), size *= sizes[i];
  printf("], \"");
  for (long i = 0; i < size; i++) printf("%s%a", i ? " " : "", values[i]);
  printf("\"]");
}

static void answer(const char *path, const char *name) {
  char *text = read_file(path, ""), key[99];
  snprintf(key, sizeof key, "\n\"%s\": {", name);
  if (!(text = strstr(text, key))) fail("expected the name of a case, got", name);
  int shape[3];
  const float *labels = read_array(text, "y", shape), *given = read_array(text, "x", shape);
  timesteps = shape[0], n = shape[1], features = shape[2];
  read_array(text, "u", shape);
  units = shape[0], layer = SIMPLE_RNN, optimizer = SGD;
  open_network(n);
  memcpy(x, given, 4L * timesteps * n * features);
  for (int i = 0; i < n; i++) y[i] = labels[i];
  rate = *read_array(text, "rate", shape);
  memcpy(w, read_array(text, "w", shape), 4L * features * units);
  memcpy(u, read_array(text, "u", shape), 4L * units * units);
  memcpy(b, read_array(text, "b", shape), 4L * units);
  memcpy(v, read_array(text, "v", shape), 4L * units * CLASSES);
  memcpy(c, read_array(text, "c", shape), 4L * CLASSES);
  printf("{\"%s\": {\n \"rate\": [[], \"%a\"]", name, rate);
  print_array("x", x, timesteps, n, features), print_array("y", labels, n, 0, 0);
  print_array("w", w, features, units, 0), print_array("u", u, units, units, 0);
  print_array("b", b, units, 0, 0), print_array("v", v, units, CLASSES, 0);
  print_array("c", c, CLASSES, 0, 0);
  step();
  print_array("h", h + n * units, timesteps, n, units), print_array("z", z, n, CLASSES, 0);
  print_array("g", g, n, CLASSES, 0), print_array("dv", dv, units, CLASSES, 0);
  print_array("dc", dc, CLASSES, 0, 0), print_array("dh", dh, timesteps, n, units);
  print_array("d", d, timesteps, n, units), print_array("dw", dw, features, units, 0);
  print_array("du", du, units, units, 0), print_array("db", db, units, 0, 0);
  print_array("w'", w, features, units, 0), print_array("u'", u, units, units, 0);
  print_array("b'", b, units, 0, 0), print_array("v'", v, units, CLASSES, 0);
  print_array("c'", c, CLASSES, 0, 0);
  printf("}}\n");
}

int main(int count, char **words) {
  flush_small_results();
  if (count != 3 && count != 5)
    fail("expected", "data/mnist INPUTS, or docs/known-answers.json CASE");
  if (count == 5) open_outputs(words[3]), first_steps = atoi(words[4]);
  (strstr(words[1], ".json") ? answer : train)(words[1], words[2]);
}
