// Compare the arrays of a program's step with the known answers, as mnist_rnn.bits.compare does.
//
// `known.cases` is the content of docs/known-answers.json. `known.places` lists the computed arrays of each case
// in the order of their computation, as [array, timestep]. Timesteps are counted from 1; null means all of them.

/** Return an option or digest as text, or an array's shape, words and float32 values; throw if malformed. */
function readArray(value) {
  if (typeof value === "string" || typeof value === "number") return String(value);
  const [shape, text] = value;
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
  const part = [(timestep - 1) * size, timestep * size];
  return { shape: shape.slice(1), words: words?.slice(...part), values: values.subarray(...part) };
}

const bitsOf = ({ values }) => new Uint32Array(values.slice().buffer);

/** Return an array's own SHA-256, or the given digest or option. */
async function digestArray(array) {
  if (typeof array === "string") return array;
  const { shape, values } = array;
  const head = new TextEncoder().encode(`(${shape.join(", ")}${shape.length === 1 ? "," : ""})float32`);
  const hash = await crypto.subtle.digest("SHA-256", await new Blob([head, values]).arrayBuffer());
  return `sha256 ${Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Return the rank of a number among all float32 numbers, given its bits; zero has rank 0. */
const order = (bits) => (bits < 2 ** 31 ? bits : 2 ** 31 - bits);

/** Return a sentence about the difference of two arrays, digests or options, or null if they are equal. */
async function describeDifference(place, expected, found, timestep) {
  if (typeof expected === "string" || typeof found === "string") {
    const [right, got] = [await digestArray(expected), await digestArray(found)];
    return right === got ? null : `${place} differs: expected ${right}, got ${got}.`;
  }
  if (String(expected.shape) !== String(found.shape)) {
    return `${place} differs: expected the shape (${expected.shape.join(", ")}), got (${found.shape.join(", ")}).`;
  }
  if (timestep !== null) place += ` of timestep ${timestep}`;
  [expected, found] = [take(expected, timestep), take(found, timestep)];
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

/** Return whether a case's arrays are the known ones, and a sentence with the first difference or the number of arrays. */
async function compareCase({ cases, places }, name, arrays) {
  if (!(name in cases)) return { sentence: `${name}: expected one of ${Object.keys(cases).join(", ")}.` };
  const computed = [...new Set(places[name].map(([key]) => key))];
  const inputs = Object.keys(cases[name]).filter((key) => !computed.includes(key));
  const compared = Object.keys(arrays).filter((key) => !inputs.includes(key));
  const unknown = compared.filter((key) => !computed.includes(key));
  if (unknown.length || !compared.length) {
    const got = unknown.join(", ") || "none of them";
    return { sentence: `${name}: expected arrays among ${computed.join(", ")}, got ${got}.` };
  }
  for (const [key, timestep] of [...inputs.map((key) => [key, null]), ...places[name]]) {
    if (!(key in arrays)) continue;
    const place = inputs.includes(key) ? `the input ${key}` : key;
    const difference = await describeDifference(place, readArray(cases[name][key]), arrays[key], timestep);
    if (difference) return { sentence: `${name}: ${difference}` };
  }
  return { same: true, sentence: `${name}: the same bits (arrays: ${compared.length}).` };
}

/** Return a sentence for each case in the JSON text of a dump. */
async function compareDump(known, text) {
  let dump;
  try {
    dump = Object.entries(JSON.parse(text)).map(([name, arrays]) => [name, Object.fromEntries(
      Object.entries(arrays).map(([key, value]) => [key, readArray(value)]))]);
  } catch {
    return ["Expected cases with arrays, in the form of the known answers."];
  }
  if (!dump.length) return ["Expected at least one case, got none."];
  const results = await Promise.all(dump.map(([name, arrays]) => compareCase(known, name, arrays)));
  return results.map(({ sentence }) => sentence);
}
