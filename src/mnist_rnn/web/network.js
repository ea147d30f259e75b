// Compute the network: a recurrent layer reads a digit row by row, and a dense layer with softmax
// classifies the digit. `weights` maps names to Keras's arrays, as Float32Arrays in row-major order.

const ROWS = 28; // of an image, and pixels in a row

/** Return x @ matrix + bias, for vectors x and bias. */
function affine(x, matrix, bias) {
  const sum = Float64Array.from(bias);
  x.forEach((value, i) => {
    if (value) for (let j = 0; j < sum.length; j++) sum[j] += value * matrix[i * sum.length + j];
  });
  return sum;
}

/** Return the hidden state after each row of an image of 784 pixels: 28 arrays of `units` numbers. */
function readRows(weights, image) {
  let state = new Float64Array(weights.bias.length);
  return Array.from({ length: ROWS }, (_, t) => {
    const row = affine(image.subarray(ROWS * t, ROWS * (t + 1)), weights.kernel, weights.bias);
    return (state = affine(state, weights.recurrent_kernel, row).map(Math.tanh));
  });
}

/** Return the predicted probabilities of the ten digits, given a hidden state. */
function computeProbabilities(weights, hidden) {
  const logits = affine(hidden, weights.dense_kernel, weights.dense_bias);
  const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Return the most probable digit. */
function name(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

/** Return the successive answers as `[{ digit, from, to }, ...]`, with rows counted from 1. */
function findAnswers(probabilities) {
  const answers = [];
  probabilities.map(name).forEach((digit, t) => {
    if (answers.at(-1)?.digit !== digit) answers.push({ digit, from: t + 1 });
    answers.at(-1).to = t + 1;
  });
  return answers;
}

/** Return the weights and test digits from the data that `pack_digits` in pad.py makes. */
async function unpack(data) {
  const [bytes, images] = await Promise.all([inflate(data.weights), inflate(data.images)]);
  const weights = splitWeights(new Float32Array(bytes.buffer), data.sizes);
  const size = ROWS * ROWS;
  const digits = Array.from(data.labels, (label, i) => ({
    label: Number(label),
    image: new Float32Array(images.subarray(i * size, (i + 1) * size)).map((pixel) => pixel / 255),
  }));
  return { weights, digits };
}

/** Return the parts of these numbers, by name; `sizes` maps the names to the parts' lengths, in order. */
function splitWeights(numbers, sizes) {
  let start = 0;
  const parts = Object.entries(sizes).map(([key, size]) => [key, numbers.subarray(start, (start += size))]);
  return Object.fromEntries(parts);
}

/** Return the weights in a file that learn.html saved, or null if the file has another form. */
function readWeights(buffer) {
  const count = buffer.byteLength / 4;
  const units = Math.sqrt(count + 370.25) - 19.5; // since count = units² + 39 units + 10
  if (!Number.isInteger(units) || units < 1) return null;
  const numbers = new Float32Array(buffer);
  const kernels = { kernel: ROWS * units, recurrent_kernel: units ** 2, bias: units };
  const sizes = { ...kernels, dense_kernel: 10 * units, dense_bias: 10 };
  return numbers.every(isFinite) ? splitWeights(numbers, sizes) : null;
}

/** Return the uncompressed bytes of a base64 text in zlib's format. */
async function inflate(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
