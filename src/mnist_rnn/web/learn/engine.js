// Call the engine in WebAssembly. `weights` contains Keras's arrays, as views of the engine's memory.

const CLASSES = 10;
const PIXELS = 784;
// Each question is [a, b, sum, result]. The result is a * b + sum, rounded once. If the product were
// rounded first, the first result would be 2^-11. If a * b + sum were first rounded to float64, the
// second result would be 1 + 2^-22, and the third result would be 1.
const QUESTIONS = [
  [1 + 2 ** -12, 1 + 2 ** -12, -1, 2 ** -11 + 2 ** -24],
  [2 ** -12 + 2 ** -35, 2 ** -12 - 2 ** -35, 1 + 2 ** -23, 1 + 2 ** -23],
  [2 ** -12 + 2 ** -35, 2 ** -35 - 2 ** -12, 1 + 2 ** -23, 1 + 2 ** -23],
];

/** Return an engine. If the browser can't run the engine, or the engine rounds a * b + c twice, return null. */
async function startEngine(bytes) {
  let exports;
  try {
    ({ exports } = (await WebAssembly.instantiate(bytes)).instance);
  } catch {
    return null;
  }
  const view = (kind, name, length) => new kind(exports.memory.buffer, exports[name].value, length);
  const question = view(Float32Array, "question", 3);
  const answer = view(Float32Array, "answer", 4);
  const roundsOnce = QUESTIONS.every(([a, b, sum, expected]) => {
    question.set([a, b, sum]);
    exports.ask();
    return answer.every((number) => number === expected);
  });
  return roundsOnce ? exports : null;
}

/** Return `[exports, path]` of the fused engine if it rounds once, else of the exact engine. */
async function chooseEngine(modules, exact) {
  const fused = exact ? null : await startEngine(modules.fused);
  return fused ? [fused, "fused"] : [await startEngine(modules.exact), "exact"];
}

/** Return the names and shapes of the weights, in Keras's order. */
function listShapes(units) {
  return [
    ["kernel", [28, units]],
    ["recurrent_kernel", [units, units]],
    ["bias", [units]],
    ["dense_kernel", [units, CLASSES]],
    ["dense_bias", [CLASSES]],
  ];
}

/** The arrays whose addresses the engine's `find` returns. The address of `states` depends on the batch size. */
const PLACES = ["x", "y", "weights", "states", "z", "g", "gradients", "dh", "d", "hash"];
const findPlace = (exports, name) => exports.find(PLACES.indexOf(name));

/** Compute the training step of a known case with the engine, and return the arrays of the step. */
function answerCase(exports, inputs) {
  const [timesteps, n, features] = inputs.x.shape;
  const units = inputs.u.shape[0];
  exports.open(timesteps, features, units, n);
  const view = (kind, name, length) => new kind(exports.memory.buffer, findPlace(exports, name), length);
  const names = ["w", "u", "b", "v", "c"];
  const length = names.reduce((sum, name) => sum + inputs[name].values.length, 0);
  view(Float32Array, "x", inputs.x.values.length).set(inputs.x.values);
  view(Uint8Array, "y", n).set(inputs.y.values);
  const weights = view(Float32Array, "weights", length);
  weights.set(names.flatMap((name) => [...inputs[name].values]));
  exports.take(n, inputs.rate.values[0]);
  const arrays = { ...inputs };
  for (const [name, shape] of [["h", [timesteps, n, units]], ["z", [n, CLASSES]], ["g", [n, CLASSES]],
    ["dh", [timesteps, n, units]], ["d", [timesteps, n, units]]]) {
    const place = name === "h" ? "states" : name;
    arrays[name] = { shape, values: view(Float32Array, place, shape.reduce((a, b) => a * b)).slice() };
  }
  let start = 0;
  for (const name of names) {
    const { shape, values } = inputs[name];
    const part = [start, (start += values.length)];
    arrays[`d${name}`] = { shape, values: view(Float32Array, "gradients", length).slice(...part) };
    arrays[`${name}'`] = { shape, values: weights.slice(...part) };
  }
  return arrays;
}

/** In the engine, make a network with this number of units. Return functions, and views of the network's arrays. */
function openNetwork(exports, units) {
  exports.open(ROWS, ROWS, units, 256);
  const { buffer } = exports.memory;
  const view = (kind, place, length) => new kind(buffer, place, length);
  const shapes = listShapes(units);
  const sizes = shapes.map(([, shape]) => shape.reduce((a, b) => a * b));
  const all = view(Float32Array, findPlace(exports, "weights"), sizes.reduce((a, b) => a + b));
  const weights = {};
  let start = 0;
  shapes.forEach(([name], i) => (weights[name] = all.subarray(start, (start += sizes[i]))));
  const message = view(Uint8Array, exports.message.value, 64);

  /** Return one hexadecimal SHA-256 of the shapes, types and values of all arrays. */
  function digest() {
    exports.begin();
    for (const [name, shape] of shapes) {
      const head = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})float32`;
      message.set(Array.from(head, (letter) => letter.charCodeAt(0)));
      exports.absorb(message.byteOffset, head.length);
      exports.absorb(weights[name].byteOffset, weights[name].byteLength);
    }
    exports.end();
    const hash = view(Uint32Array, findPlace(exports, "hash"), 8);
    return Array.from(hash, (word) => word.toString(16).padStart(8, "0")).join("");
  }

  return {
    all,
    weights,
    digest,
    units,
    images: view(Uint8Array, exports.images.value, 2048 * PIXELS),
    labels: view(Uint8Array, exports.labels.value, 2048),
    order: view(Uint16Array, exports.order.value, 256),
    states: (n) => view(Float32Array, findPlace(exports, "states"), ROWS * n * units),
    logits: view(Float32Array, findPlace(exports, "z"), 256 * CLASSES),
    read: exports.read,
    step: exports.step,
  };
}
