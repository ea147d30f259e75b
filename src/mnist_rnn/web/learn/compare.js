// Compare the arrays of a program's step with the known answers, as mnist_rnn.bits.compare does.
//
// `known.cases` is the content of docs/known-answers.json. `known.places` lists the arrays of each
// small case in the order of their computation, as [place, array, timestep]. For each broken rule,
// `known.broken[rule][case][place]` is the fingerprint of an array that the broken rule changes.

const INPUTS = ["rate", "x", "y", "w", "u", "b", "v", "c"];

/** Return the shape, words and float32 values of an array in a dump; throw if the array is malformed. */
function readArray([shape, text]) {
  const words = text.split(" ").filter(Boolean);
  const values = Float32Array.from(words, readHex);
  if (shape.reduce((a, b) => a * b, 1) !== values.length) throw new TypeError();
  return { shape, words, values };
}

/** Return the number that a word like `0x1.8p+0` represents. */
function readHex(word) {
  const parts = /^([+-]?)0x([0-9a-f]+)\.?([0-9a-f]*)p([+-]?\d+)$/i.exec(word);
  if (!parts) return /^[+-]?(inf|nan)$/.test(word) ? Number(word.replace("inf", "Infinity")) : fail();
  const [, sign, whole, rest, power] = parts;
  const size = parseInt(whole + rest, 16) * 2 ** (Number(power) - 4 * rest.length);
  return sign === "-" ? -size : size;
}

function fail() {
  throw new TypeError();
}

/** Return the part of an array that belongs to a timestep, or the whole array if `timestep` is null. */
function take({ shape, words, values }, timestep) {
  if (timestep === null) return { shape, words, values };
  const size = values.length / shape[0];
  const part = [timestep * size, (timestep + 1) * size];
  return { shape: shape.slice(1), words: words?.slice(...part), values: values.subarray(...part) };
}

const bitsOf = ({ values }) => new Uint32Array(values.slice().buffer);

/** Return a fingerprint of an array's bits: the hash FNV-1a of its 32-bit words. */
const print = (array) => bitsOf(array).reduce((hash, bits) => Math.imul(hash ^ bits, 16777619), 2166136261) >>> 0;

/** Return the rank of a number among all float32 numbers, given its bits; zero has rank 0. */
const order = (bits) => (bits < 2 ** 31 ? bits : 2 ** 31 - bits);

/** Return a sentence about the difference of two arrays, or null if they are equal. */
function describeDifference(place, expected, found) {
  if (String(expected.shape) !== String(found.shape)) {
    return `${place} differs: expected the shape (${expected.shape.join(", ")}), got (${found.shape.join(", ")}).`;
  }
  const [theirs, ours] = [bitsOf(expected), bitsOf(found)];
  const others = Array.from(theirs.keys()).filter((i) => theirs[i] !== ours[i]);
  if (!others.length) return null;
  let rest = others[0];
  const index = expected.shape.map((_, axis) => {
    const size = expected.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const along = Math.floor(rest / size);
    rest %= size;
    return along;
  });
  const write = (number) => number.toLocaleString("en");
  const first = ({ words, values }) => words?.[others[0]] ?? Number(values[others[0]].toPrecision(9));
  const apart = Math.abs(order(theirs[others[0]]) - order(ours[others[0]]));
  return `${place} differs in ${write(others.length)} of ${write(theirs.length)} numbers, the first at ` +
    `[${index.join(", ")}]: expected ${first(expected)}, got ${first(found)}, ${write(apart)} ULP apart.`;
}

/** Return a sentence about the first array that differs from a known case, or null if none does. Skip missing arrays. */
function compareCase(known, name, arrays) {
  const expected = known.cases[name];
  if (Object.values(expected).some((value) => typeof value === "string")) {
    const other = Object.keys(expected).find((key) => key in arrays && arrays[key] !== expected[key]);
    return other ? `${name}: ${other} differs: expected ${expected[other]}, got ${arrays[other]}.` : null;
  }
  for (const [place, key, timestep] of known.places[name]) {
    if (!(key in arrays)) continue;
    const [right, found] = [readArray(expected[key]), arrays[key]].map((array) => take(array, timestep));
    const difference = describeDifference(place, right, found);
    if (!difference) continue;
    if (INPUTS.includes(key)) return `${name}: the input ${difference}`;
    const before = known.places[name].filter(([, key]) => key in arrays).map(([place]) => place);
    const same = before.slice(0, before.indexOf(place));
    const rules = Object.entries(known.broken).filter(([, { [name]: prints = {} }]) =>
      prints[place] === print(found) && !same.some((earlier) => earlier in prints)).map(([rule]) => rule);
    const why = rules.length ? `This deviation from the rules gives your numbers: ${rules.join(" or ")}.` : "No single broken rule explains the difference.";
    return `${name}: ${difference} ${why}`;
  }
  return null;
}

/** Return a sentence for each case in the JSON text of a dump. */
function compareDump(known, text) {
  let cases;
  try {
    cases = Object.entries(JSON.parse(text)).map(([name, arrays]) => [name, Object.fromEntries(
      Object.entries(arrays).map(([key, value]) => [key, typeof value === "string" ? value : readArray(value)]))]);
  } catch {
    return ["Expected cases with arrays, in the form of the known answers."];
  }
  return cases.map(([name, arrays]) => {
    if (!(name in known.cases)) return `${name}: expected one of ${Object.keys(known.cases).join(", ")}.`;
    return compareCase(known, name, arrays) ?? `${name}: the same bits.`;
  });
}
