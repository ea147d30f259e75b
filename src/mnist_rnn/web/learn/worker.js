// Train in a separate thread, so that the page stays responsive and training continues in the background.
//
// The page sends the messages `open`, `begin`, `train`, `pause`, `step`, `digit`, `weights` and `compare`.
// `begin` contains the parameters of a run, `digit` contains 784 bytes, and `compare` contains the arrays
// of a user's program. The worker sends the messages `opened`, `now`, `weights` and `compared`. `now`
// contains everything that the page shows.

const INPUTS = ["rate", "x", "y", "w", "u", "b", "v", "c"]; // of a known case
const TEST_EVERY = 10; // steps
const TELL_EVERY = 40; // milliseconds between messages to the page

let data, engine, path, network, run;
let digit = null; // 784 bytes

const answerTo = {
  async open(message) {
    data = message.data;
    [engine, path] = await chooseEngine(data.modules, message.exact);
    if (!engine) return postMessage({ type: "opened", path: null });
    const answer = new Uint32Array(engine.memory.buffer, engine.answer.value, 1);
    engine.divide();
    postMessage({ type: "opened", path, negative: answer[0] >>> 31 === 1, parted: await checkEngine() });
  },

  /** Begin a run. `digests` lists TensorFlow's digests before training and after each epoch; null means no such run. */
  begin({ units, batch, rate, images, digests, number }) {
    network = openNetwork(engine, units);
    network.images.set(data.images);
    network.labels.set(data.labels);
    network.all.set(units === data.units ? data.weights : drawWeights(units));
    const orders = data.orders.filter((image) => image < images);
    const steps = orders.length / batch;
    run = { batch, rate: Math.fround(rate), orders, digests, number, steps, step: 0 };
    Object.assign(run, { going: false, seconds: 0, differs: null, losses: [], sent: 0, test: null });
    check();
    readTestDigits();
    tell();
  },

  train() {
    run.going = true;
    next();
  },

  pause() {
    run.going = false;
    tell();
  },

  step() {
    run.going = false;
    if (run.step < run.steps) takeStep();
    tell();
  },

  digit({ pixels }) {
    digit = pixels;
    if (!run?.going) tell();
  },

  weights() {
    postMessage({ type: "weights", numbers: network.all.slice(), digest: network.digest() });
  },

  async compare({ text }) {
    postMessage({ type: "compared", sentences: await compareDump(data.known, text) });
  },
};
onmessage = ({ data: message }) => answerTo[message.type](message);

// After each step, the worker sends itself a message, so that it handles the page's messages between two
// steps. Browsers don't delay a worker's messages when the page is in the background.
const channel = new MessageChannel();
channel.port1.onmessage = () => {
  if (!run.going) return;
  takeStep();
  if (run.step === run.steps || !run.losses.every(isFinite)) run.going = false;
  if (!run.going || performance.now() - run.sent > TELL_EVERY) tell();
  next();
};

function next() {
  if (run.going) channel.port2.postMessage(0);
}

function takeStep() {
  const started = performance.now();
  const { batch } = run;
  network.order.set(run.orders.subarray(run.step * batch, (run.step + 1) * batch));
  network.step(batch, run.rate);
  run.step += 1;
  run.losses.push(measureLoss(batch));
  check();
  if (run.step % TEST_EVERY === 0 || run.step === run.steps) readTestDigits();
  run.seconds += (performance.now() - started) / 1000;
}

/** Return a sentence about the first known answer that the engine computes differently, or null if none differs. */
async function checkEngine() {
  for (const [name, arrays] of Object.entries(data.known.cases)) {
    if (Object.keys(arrays)[0] !== "rate" || typeof arrays.x === "string") continue; // no SimpleRNN, or digests
    const inputs = Object.fromEntries(INPUTS.map((key) => [key, readArray(arrays[key])]));
    const { same, sentence } = await compareCase(data.known, name, answerCase(engine, inputs));
    if (!same) return sentence;
  }
  return null;
}

/** Compare the weights with TensorFlow's weights, before the first step and at the end of each epoch. */
function check() {
  const epoch = (run.step * data.epochs) / run.steps;
  if (!Number.isInteger(epoch)) return;
  run.compared = run.step;
  run.digest = network.digest();
  if (run.digests && run.differs === null && run.digest !== run.digests[epoch]) run.differs = run.step;
}

/** Return the mean cross-entropy of the batch that the network has just read. */
function measureLoss(n) {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const z = network.logits.subarray(CLASSES * i, CLASSES * (i + 1));
    const most = Math.max(...z);
    sum += Math.log(z.reduce((total, value) => total + Math.exp(value - most), 0));
    sum += most - z[network.labels[network.order[i]]];
  }
  return sum / n;
}

/** Compute the predicted probabilities after the last row of each test digit. */
function readTestDigits() {
  const { count, first } = data.test;
  for (let i = 0; i < count; i++) network.order[i] = first + i;
  network.read(count);
  const { units, weights, states } = network;
  const read = states(count);
  const last = (i) => read.subarray(((ROWS - 1) * count + i) * units, ((ROWS - 1) * count + i + 1) * units);
  const probabilities = Array.from({ length: count }, (_, i) => computeProbabilities(weights, last(i)));
  run.test = { step: run.step, probabilities };
}

/** Return the predicted probabilities after each row of the digit on the page, or null if there is no digit. */
function readDigit() {
  if (!digit) return null;
  const place = data.test.first + data.test.count;
  network.images.set(digit, place * PIXELS);
  network.order[0] = place;
  network.read(1);
  const { units, weights, states } = network;
  const read = states(1);
  const after = (row) => read.subarray(row * units, (row + 1) * units);
  return Array.from({ length: ROWS }, (_, row) => computeProbabilities(weights, after(row)));
}

function tell() {
  const { number, step, steps, seconds, digest, compared, differs, losses, test, going } = run;
  const diverged = !losses.every(isFinite);
  postMessage({
    type: "now", number, step, steps, seconds, digest, compared, differs, losses, test, going, diverged,
    probabilities: readDigit(),
  });
  Object.assign(run, { losses: [], test: null, sent: performance.now() });
}

// ---- Initial weights for a network that TensorFlow has not trained ----------------------------------

/**
 * Return weights with Glorot-uniform kernels, an orthogonal recurrent kernel and zero biases. Only
 * operations that every browser rounds alike are used, so that all browsers get the same weights.
 */
function drawWeights(units) {
  const random = makeRandom(units);
  const uniform = (rows, columns) => {
    const limit = Math.sqrt(6 / (rows + columns));
    return Array.from({ length: rows * columns }, () => (2 * random() - 1) * limit);
  };
  const normal = () => zeros(12).reduce((sum) => sum + random(), -6); // nearly
  const zeros = (length) => new Array(length).fill(0);
  const rows = Array.from({ length: units }, () => Float64Array.from({ length: units }, normal));
  makeOrthonormal(rows);
  const parts = [
    uniform(28, units), rows.flatMap((row) => [...row]), zeros(units), uniform(units, CLASSES), zeros(CLASSES),
  ];
  return Float32Array.from(parts.flat());
}

/** Make the rows orthonormal with the Gram-Schmidt process, which changes them in place. */
function makeOrthonormal(rows) {
  rows.forEach((row, i) => {
    for (const other of rows.slice(0, i)) {
      const shared = row.reduce((sum, value, j) => sum + value * other[j], 0);
      for (let j = 0; j < row.length; j++) row[j] -= shared * other[j];
    }
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let j = 0; j < row.length; j++) row[j] /= length;
  });
}

/** Return the generator mulberry32 with this seed: a function that returns random numbers in [0, 1). */
function makeRandom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
