// Show the buttons and the pad of learn.html, and show the worker's messages at most once per frame.

const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const SETTINGS = {
  rate: ["Learning rate", [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]],
  units: ["Units", [16, 32, 64, 128, 256]],
  batch: ["Digits per step", [16, 32, 64, 128, 256]],
  images: ["Images", [320, 640, 1280]],
};
const KEPT = 3; // earlier runs whose curves stay
const GUESS = Math.log(DIGITS.length); // the loss if all digits are equally probable
const START = "The network's weights are random: it has learned nothing yet. Press <em>Train</em>.";
const chooseSetting = ([key, [label, values]]) => `<label>${label} <select name="${key}">
  ${values.map((value) => `<option>${value}</option>`).join("")}</select></label>`;
const BODY = (count) => `
<div class="learn-tools learn-settings" role="group" aria-label="Settings">
  ${Object.entries(SETTINGS).map(chooseSetting).join("")}
  <label><input type="checkbox" name="exact"> Slow arithmetic, for any processor</label>
  <button name="copy" aria-live="polite"></button>
</div>
<div class="learn-tools">
  <button name="train" class="main" disabled>Train</button>
  <button name="step" disabled>One step</button>
  <button name="again" disabled>Start over</button>
  <div class="learn-progress">
    <div class="learn-bar" role="progressbar" aria-label="Steps taken" aria-valuemin="0"><i></i><i></i></div>
    <p></p>
  </div>
</div>
<div class="learn-result"><div role="status"></div><button name="save" hidden>Save this result</button>
  <button name="weights" hidden>Save the weights</button></div>
<div class="learn-views">
  <section aria-label="All test digits">
    <h2>Predictions for ${count} test digits</h2>
    <canvas class="learn-map framed" role="img"
      aria-label="The test digits, each near the digit that the network predicts"></canvas>
    <p class="note">Each small numeral is a test digit. The higher the predicted probability that a test
      digit is a 7, the nearer the test digit lies to the large 7. The ring marks the digit on the pad.</p>
  </section>
  <section aria-label="What the network has learned">
    <h2>What the network has learned</h2>
    <p class="learn-label"><span>Test accuracy</span> <strong class="right"></strong></p>
    <canvas class="learn-curve" role="img" aria-label="Test accuracy, by step"></canvas>
    <p class="learn-label"><span>Training loss</span> <strong class="loss"></strong></p>
    <canvas class="learn-curve" role="img" aria-label="Training loss, by step"></canvas>
    <ol class="learn-runs note"></ol>
  </section>
  <section aria-label="One digit">
    <h2>Prediction for one digit</h2>
    <div class="learn-digit">
      <span class="note">Draw here</span>
      <div class="learn-heads">${DIGITS.map((digit) => `<span>${digit}</span>`).join("")}</div>
      <canvas class="learn-sheet framed" width="1000" height="1000" tabindex="0" role="application"
        aria-description="Arrow keys move the pen, and Space puts the pen down and lifts it."></canvas>
      <canvas class="learn-probabilities framed" width="10" height="28" role="img" aria-label="No probabilities"></canvas>
    </div>
    <p class="reads"></p>
    <div class="learn-tools">
      <button name="other">Another test digit</button>
      <button name="clear">Clear</button>
    </div>
  </section>
</div>`;

// On the map, the ten large digits form a circle. A test digit's place is the mean of the large digits'
// places, weighted by the test digit's predicted probabilities.
const turn = (angle, radius = 1) => [radius * Math.cos(angle), radius * Math.sin(angle)];
const CORNERS = DIGITS.map((digit) => turn(Math.PI * (0.2 * digit - 0.5)));
const findPlace = (probabilities) =>
  [0, 1].map((axis) => CORNERS.reduce((sum, corner, digit) => sum + probabilities[digit] * corner[axis], 0));
/** Move the place of the i-th test digit a little, so that test digits don't overlap. */
const spread = (place, i) => {
  const moved = turn(2.4 * i, 0.2 * Math.sqrt((i % 25) / 25));
  return place.map((x, axis) => x + moved[axis]);
};

const percent = (share) => `${Math.round(100 * share)}%`;
const average = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

/**
 * Return `[verdict, reason]`, sentences that say whether the network has learned, and if not, why.
 * `right` is the test accuracy on the digits with these `labels`.
 */
function judge({ right, labels, losses, diverged, rate }) {
  const count = labels.length;
  const common = Math.max(...DIGITS.map((digit) => labels.filter((label) => label === digit).length)) / count;
  const chance = common + 2 * Math.sqrt((common * (1 - common)) / count); // rarely exceeded by chance
  const much = right >= 0.5;
  const amount = `The network has ${much ? "learned" : right > chance ? "learned little" : "not learned"}`;
  const verdict = `${amount}: the test accuracy on ${count} digits is ${percent(right)}.`;
  if (diverged) return [verdict, `The network's weights have overflowed: the learning rate of ${rate} is too high.`];
  if (much) return [verdict, ""];
  const rise = findRise(losses);
  return [verdict, rise > 0.2
    ? `During training, the loss rose by ${rise.toFixed(1)}: with a learning rate of ${rate}, steps overshoot.`
    : "The training loss was still falling. To train for more steps, choose fewer digits per step."];
}

/** Average the losses over each twentieth of the steps. Return the largest rise of an average above an earlier one. */
function findRise(losses) {
  const length = Math.ceil(losses.length / 20);
  let [least, rise] = [Infinity, 0];
  for (let i = 0; i + length <= losses.length; i += length) {
    const mean = average(losses.slice(i, i + length));
    least = Math.min(least, mean);
    rise = Math.max(rise, mean - least);
  }
  return rise;
}

async function open(root) {
  const packed = JSON.parse(document.getElementById("data").textContent);
  const parts = [packed.weights, packed.images, packed.orders, packed.known];
  const [weights, images, orders, known] = await Promise.all(parts.map(inflate));
  const [fused, exact] = [packed.fused, packed.exact].map(readBytes);
  const test = { first: packed.config.images, count: packed.labels.length - packed.config.images };
  const data = {
    images,
    labels: Uint8Array.from(packed.labels, Number),
    weights: new Float32Array(weights.buffer),
    orders: new Uint16Array(orders.buffer),
    modules: { fused, exact },
    units: packed.config.units,
    epochs: packed.digests.length - 1,
    known: JSON.parse(new TextDecoder().decode(known)),
    test,
  };
  root.classList.add("learn");
  root.innerHTML = BODY(test.count);
  const find = (selector) => root.querySelector(selector);
  const named = (name) => find(`[name=${name}]`);
  const [map, curveOfRight, curveOfLoss, sheet, probabilities] = root.querySelectorAll("canvas");
  let worker, opened, chosen, now, losses, rights, points, aims, strokes, label, frame;
  let kept = []; // the last runs, the newest first
  let pen = null; // [x, y], for drawing with keys
  let down = false;
  let begun = 0; // number of runs
  let shown = Math.floor(Math.random() * test.count);

  function say(text, kind = "") {
    const status = find("[role=status]");
    if (status.innerHTML !== text) status.innerHTML = text;
    find(".learn-result").className = `learn-result ${kind}`;
  }

  // ---- The settings -----------------------------------------------------------------------------

  /** Take the settings from the page's address; a missing or unknown value is the initial one. */
  function readSettings() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const [key, [, values]] of Object.entries(SETTINGS)) {
      const value = Number(given.get(key));
      named(key).value = values.includes(value) ? value : packed.config[key];
    }
    named("exact").checked = given.has("exact");
    named("copy").textContent = "Copy address";
  }

  function writeSettings() {
    const given = new URLSearchParams(Object.keys(SETTINGS).map((key) => [key, named(key).value]));
    if (named("exact").checked) given.set("exact", 1);
    history.replaceState(null, "", `#${given}`);
    named("copy").textContent = "Copy address";
  }

  function copyAddress() {
    writeSettings();
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    copied.then(() => "Address copied", () => "Copy the address bar").then((text) => (named("copy").textContent = text));
  }

  const describeSettings = ({ rate, units, batch, images }) =>
    `rate ${rate}, ${units} units, ${batch} per step, ${images} images`;

  // ---- The run ----------------------------------------------------------------------------------

  function start() {
    worker?.terminate();
    opened = null;
    for (const name of ["train", "step", "again"]) named(name).disabled = true;
    const source = document.getElementById("worker").textContent;
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    worker = new Worker(address);
    const answerTo = { opened: ready, now: take, weights: saveWeights, compared: showCompared };
    worker.onmessage = ({ data: message }) => answerTo[message.type](message);
    worker.onerror = (event) => say(`The training has stopped: ${event.message}`, "other");
    worker.postMessage({ type: "open", data, exact: named("exact").checked });
  }

  function ready(message) {
    if (!message.path) return say("Training needs a browser of May 2023 or later.", "other");
    opened = message;
    section.hidden = false;
    begin();
  }

  function begin() {
    if (losses?.length) kept = [{ ...chosen, losses, rights, steps: now.steps }, ...kept].slice(0, KEPT);
    chosen = Object.fromEntries(Object.keys(SETTINGS).map((key) => [key, Number(named(key).value)]));
    const compared = Object.keys(SETTINGS).every((key) => chosen[key] === packed.config[key]);
    chosen.digests = compared ? packed.digests : null;
    // The page ignores late messages of the previous run, because they contain that run's number.
    chosen.number = ++begun;
    cancelAnimationFrame(frame);
    [losses, rights, points, aims, frame] = [[], [], null, null, null];
    const { batch, units, images } = chosen;
    const weights = (28 + units + 1 + 10) * units + 10;
    const steps = (data.epochs * images) / batch;
    find(".learn-runs").innerHTML = kept.map((run) =>
      `<li><i></i>${describeSettings(run)}: ${percent(run.rights.at(-1)[1])}</li>`).join("");
    for (const [name, value] of Object.entries({ units, weights, steps, batch })) {
      document.querySelectorAll(`[data-now=${name}]`).forEach((e) => (e.textContent = value.toLocaleString("en")));
    }
    named("save").hidden = named("weights").hidden = true;
    worker.postMessage({ type: "begin", ...chosen });
    sendDigit();
  }

  function take(message) {
    if (message.number !== begun) return;
    now = message;
    losses.push(...message.losses);
    if (message.test) {
      const right = message.test.probabilities.filter((probability, i) => name(probability) === labelOf(i)).length;
      rights.push([message.test.step, right / test.count]);
      aims = message.test.probabilities.map((probability, i) => spread(findPlace(probability), i));
    }
    frame ??= requestAnimationFrame(show);
  }

  function show() {
    frame = null;
    const { step, steps, seconds, going, differs } = now;
    const ended = step === steps || now.diverged;
    named("train").textContent = going ? "Pause" : "Train";
    named("train").disabled = ended;
    named("step").disabled = ended || going;
    named("again").disabled = step === 0;
    named("weights").hidden = going || step === 0;
    showProgress(step, steps, seconds, going, differs);
    if (ended) conclude();
    else say(going ? `Training.${describeBits()}` : `${step ? "Paused." : START}${describeBits()}`);
    find(".right").textContent = percent(rights.at(-1)[1]);
    find(".loss").textContent = losses.length ? average(losses.slice(-20)).toFixed(2) : "";
    const runs = [{ losses, rights, steps }, ...kept];
    const byShare = (run, values) => values.map(([step, value]) => [step / run.steps, value]);
    const curves = runs.map((run) => byShare(run, run.rights));
    drawCurves(curveOfRight, curves, { most: 1, guess: 1 / DIGITS.length, write: percent, name: "--right" });
    const smooth = runs.map((run) => byShare(run, smoothen(run.losses)));
    const most = Math.ceil(Math.max(3, ...smooth[0].map(([, loss]) => loss)));
    drawCurves(curveOfLoss, smooth, { most, guess: GUESS, write: (loss) => loss.toFixed(1), name: "--wrong" });
    showProbabilities(now.probabilities);
    drawMap();
  }

  function showProgress(step, steps, seconds, going, differs) {
    const bar = find(".learn-bar");
    const same = differs ?? step;
    bar.children[0].style.width = `${(100 * same) / steps}%`;
    bar.children[1].style.width = `${(100 * (step - same)) / steps}%`;
    bar.setAttribute("aria-valuenow", step);
    bar.setAttribute("aria-valuemax", steps);
    const left = Math.ceil((seconds / step) * (steps - step));
    const time = step > 4 && step < steps ? `, ${describeTime(left)} to go` : "";
    const verdict = !chosen.digests ? "TensorFlow has not trained with these settings"
      : differs === null ? "same as TensorFlow's" : "different from TensorFlow's";
    const print = `Fingerprint <code>${now.digest.slice(0, 8)}</code> ${after(now.compared)}, ${verdict}`;
    find(".learn-progress p").innerHTML = `<span>Step ${step} of ${steps}${time}</span><span>${print}</span>`;
  }

  const describeTime = (seconds) => (seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`);
  const after = (step) => (step ? `after step ${step}` : "before the first step");

  /** Return a sentence if the weights differ from TensorFlow's weights, else an empty string. */
  function describeBits() {
    if (now.differs === null) return "";
    const why = opened.parted ? ` Your browser's results also differ from a known answer: ${opened.parted}` : "";
    return ` The weights first differ from TensorFlow's weights ${after(now.differs)}.${why}`;
  }

  function conclude() {
    const seconds = now.seconds < 10 ? now.seconds.toFixed(1) : Math.round(now.seconds);
    const way = opened.path === "fused" ? "fast" : "slow";
    const took = `${now.step} steps took ${seconds} seconds with the ${way} arithmetic.`;
    const print = `Fingerprint: <code class="digest">${now.digest}</code>`;
    if (!chosen.digests || now.diverged) {
      const labels = [...data.labels.subarray(test.first)];
      const [verdict, reason] = judge({ ...now, ...chosen, losses, labels, right: rights.at(-1)[1] });
      return say(`<strong>${verdict}</strong> ${reason} ${took} ${print}`, reason && "other");
    }
    named("save").hidden = false;
    if (now.differs === null) {
      say(`<strong>Your browser has computed exactly the same ${packed.parameters} weights as TensorFlow.</strong> ${took} ${print}`, "same");
    } else {
      say(`<strong>Your browser's weights are not TensorFlow's.</strong>${describeBits()} ${took} ${print}`, "other");
    }
  }

  // ---- Pictures ---------------------------------------------------------------------------------

  /** Clear a canvas, set its resolution to the screen's, and return its context and its size in CSS pixels. */
  function prepare(canvas) {
    const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio || 1];
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return [context, width, height];
  }

  const smoothen = (values) => values.map((_, i) => [i + 1, average(values.slice(Math.max(0, i - 4), i + 5))]);
  const color = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  /**
   * Draw curves of points [share of the steps, value], on a scale from 0 to `most`: the current run, then the
   * earlier runs, which are faded. A dashed line marks the value that guessing gives.
   */
  function drawCurves(canvas, curves, { most, guess, write, name }) {
    const [context, width, height] = prepare(canvas);
    const [left, right, top, bottom] = [38, width - 5, 7, height - 18];
    const place = ([share, value]) =>
      [left + share * (right - left), bottom - (Math.min(value, most) / most) * (bottom - top)];
    const mark = (text, [x, y], align) => {
      Object.assign(context, { textAlign: align, textBaseline: "middle" });
      context.fillText(text, x, y);
    };
    Object.assign(context, { lineWidth: 1, strokeStyle: color("--line"), fillStyle: color("--text"), font: "11px system-ui, sans-serif" });
    for (const value of [0, most / 2, most, guess]) {
      const [, y] = place([0, value]);
      context.setLineDash(value === guess ? [3, 3] : []);
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(right, y);
      context.stroke();
      if (value === guess) mark(`guessing: ${write(guess)}`, [right, y - 7], "right");
      else mark(write(value), [left - 4, y], "right");
    }
    context.setLineDash([]);
    mark("0", [left, bottom + 10], "center");
    mark(`${data.epochs} epochs`, [right, bottom + 10], "right");
    Object.assign(context, { lineWidth: 2, lineJoin: "round" });
    curves.forEach((points, i) => {
      const shade = color(i ? `--run-${i}` : name);
      Object.assign(context, { strokeStyle: shade, fillStyle: shade, globalAlpha: i ? 0.6 : 1 });
      context.beginPath();
      points.forEach((point) => context.lineTo(...place(point)));
      context.stroke();
      if (i || !points.length) return;
      context.beginPath();
      context.arc(...place(points.at(-1)), 3.5, 0, 7);
      context.fill();
    });
    context.globalAlpha = 1;
  }

  /** Move the numerals on the map to their places over some frames, or at once if the user prefers less motion. */
  function drawMap() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || !points;
    const move = ([x, y], [u, v]) => [x + 0.15 * (u - x), y + 0.15 * (v - y)];
    points = still ? aims : points.map((point, i) => move(point, aims[i]));
    const [context, width, height] = prepare(map);
    const reach = Math.min(width, height) / 2;
    const place = ([x, y]) => [width / 2 + 0.78 * reach * x, height / 2 + 0.78 * reach * y];
    const write = (digit, point, size, light) => {
      context.font = `600 ${size}px system-ui, sans-serif`;
      context.fillStyle = `hsl(${(digit * 108) % 360} 75% ${light})`;
      context.fillText(digit, ...place(point));
    };
    Object.assign(context, { textAlign: "center", textBaseline: "middle" });
    DIGITS.forEach((digit) => write(digit, CORNERS[digit], 52, color("--pale")));
    points.forEach((point, i) => write(labelOf(i), point, 12, color("--light")));
    if (now.probabilities) {
      Object.assign(context, { strokeStyle: color("--text"), lineWidth: 2.5 });
      context.beginPath();
      context.arc(...place(findPlace(now.probabilities.at(-1))), 9, 0, 7);
      context.stroke();
    }
    const far = ([x, y], i) => Math.hypot(x - aims[i][0], y - aims[i][1]) > 0.004;
    if (points.some(far)) frame ??= requestAnimationFrame(show);
  }

  function showProbabilities(rows) {
    const pixels = new ImageData(10, ROWS);
    rows?.flatMap((row) => [...row]).forEach((probability, i) => (pixels.data[4 * i + 3] = 255 * probability));
    probabilities.getContext("2d").putImageData(pixels, 0, 0);
    const last = rows?.at(-1);
    const said = last && name(last);
    root.querySelectorAll(".learn-heads span").forEach((head, digit) => head.classList.toggle("now", digit === said));
    const truth = label === null ? "" : `; the label is ${label}`;
    const text = now.diverged ? "The network can no longer predict a digit." : last
      ? `The network predicts ${describeDigit(said)} (probability ${Math.round(100 * last[said])}%)${truth}.`
      : strokes.length ? centerStrokes(strokes).advice : "Draw a digit on the pad.";
    if (find(".reads").textContent !== text) find(".reads").textContent = text;
    probabilities.setAttribute("aria-label", last && !now.diverged ? `The predicted probability of each digit after each row. ${text}` : "No probabilities");
  }

  const describeDigit = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;

  // ---- The digit --------------------------------------------------------------------------------

  /** Show the chosen test digit on the pad, or clear the pad if the label `digit` is null. */
  function takeDigit(digit = null) {
    label = digit;
    strokes = [];
    down = false;
    drawSheet();
    sendDigit();
  }

  const labelOf = (i) => data.labels[test.first + i];
  const testDigit = () => images.slice((test.first + shown) * ROWS ** 2, (test.first + shown + 1) * ROWS ** 2);

  function sendDigit() {
    if (!opened) return;
    const drawn = label === null ? centerStrokes(strokes).image?.map((ink) => 255 * ink) : testDigit();
    worker.postMessage({ type: "digit", pixels: drawn ? Uint8Array.from(drawn, Math.round) : null });
  }

  function drawSheet() {
    const pixels = label === null ? null : Array.from(testDigit(), (value) => value / 255);
    paintSheet(sheet, strokes, pixels, pen && { x: pen[0], y: pen[1], down });
    sheet.setAttribute("aria-label", label === null ? "Pad to draw a digit on" : `A test digit, ${describeDigit(label)}`);
  }

  /** If the pad shows a test digit, clear it. Begin a stroke. */
  function beginStroke(point) {
    if (label !== null) takeDigit();
    strokes.push([point]);
    drawSheet();
    sendDigit();
  }

  function continueStroke(point) {
    const last = strokes.at(-1).at(-1);
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < NEAR) return;
    strokes.at(-1).push(point);
    drawSheet();
    sendDigit();
  }

  sheet.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    sheet.setPointerCapture(event.pointerId);
    [pen, down] = [null, false];
    beginStroke(placeOf(event));
  });
  sheet.addEventListener("pointermove", (event) => {
    if (event.isPrimary && sheet.hasPointerCapture(event.pointerId)) continueStroke(placeOf(event));
  });
  sheet.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    pen ??= [500, 200];
    if (event.key === " ") {
      if (event.repeat) return;
      if (!down) beginStroke(pen);
      down = !down;
    } else {
      pen = pen.map((x, axis) => within(x + STEP * KEYS[event.key][axis]));
      if (down) continueStroke(pen);
    }
    drawSheet();
  });
  sheet.addEventListener("blur", () => {
    pen = null;
    down = false;
    drawSheet();
  });

  // ---- Buttons ----------------------------------------------------------------------------------

  const press = {
    train: () => worker.postMessage({ type: now.going ? "pause" : "train" }),
    step: () => worker.postMessage({ type: "step" }),
    again: begin,
    other: () => {
      shown = (shown + 1) % test.count;
      takeDigit(labelOf(shown));
    },
    clear: () => takeDigit(),
    save: () => save("reproductions.csv", describeResult(now, chosen, opened), "text/csv"),
    weights: () => worker.postMessage({ type: "weights" }),
    copy: copyAddress,
  };
  root.addEventListener("click", (event) => press[event.target.name]?.());
  root.addEventListener("change", (event) => {
    writeSettings();
    if (event.target.name === "exact") start();
    else begin();
  });
  addEventListener("resize", () => now && (frame ??= requestAnimationFrame(show)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (frame ??= requestAnimationFrame(show)));

  // ---- Comparison with another program ----------------------------------------------------------

  const section = document.getElementById("compare");
  const verdicts = section.querySelector("output");

  section.querySelector("[type=file]").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) worker.postMessage({ type: "compare", text: await file.text() });
    event.target.value = ""; // so that the same file can be chosen again
  });
  section.querySelector("button").addEventListener("click", () => {
    save("known-answers.json", JSON.stringify(data.known.cases), "application/json");
  });

  function showCompared({ sentences }) {
    verdicts.replaceChildren(...sentences.map((sentence) => {
      const line = document.createElement("span");
      line.textContent = sentence;
      return line;
    }));
  }

  /** Save the weights as float32 numbers, in Keras's order; the pad reads this file. */
  function saveWeights({ numbers, digest }) {
    save(`weights-${digest.slice(0, 8)}.f32`, numbers, "application/octet-stream");
  }

  addEventListener("hashchange", () => {
    readSettings();
    start();
  });

  readSettings();
  takeDigit(labelOf(shown));
  start();
}

/** Return the bytes that a base64 text encodes. */
function readBytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

// ---- The file with the result ---------------------------------------------------------------------

/** Return a table with one row about a run, in the form of results/reproductions.csv. */
function describeResult({ differs, seconds, steps }, { batch }, { path, negative }) {
  const { engine, system, processor } = describeBrowser(negative);
  const row = {
    program: "Browser",
    cpu: processor,
    system,
    versions: `"${engine}, ${path} arithmetic"`,
    same_bits: differs === null ? "learn.html" : "",
    other_bits: differs === null ? "" : "learn.html",
    seconds: ((60_000 * seconds) / (steps * batch)).toFixed(1), // for as many images as an epoch of MNIST has
    date: new Date().toISOString().slice(0, 10),
    measured_by: "its sender",
  };
  return `${Object.keys(row)}\n${Object.values(row)}\n`;
}

/** Return the kinds of browser, system and processor. `negative` says whether 0 / 0 is negative, as on x86. */
function describeBrowser(negative) {
  const agent = navigator.userAgent;
  const first = (pairs) => pairs.find(([sign]) => sign.test(agent)) ?? [/^/, "unknown"];
  const [version, engine] = first([
    [/Firefox\/(\d+)/, "Firefox"],
    [/Chrom(?:e|ium)\/(\d+)/, "Chromium"],
    [/Version\/(\d+).*Safari/, "WebKit"],
  ]);
  const [, system] = first([
    [/Android/, "Android"],
    [/iPhone|iPad/, "iOS"],
    [/Windows/, "Windows"],
    [/Mac OS X/, navigator.maxTouchPoints > 1 ? "iOS" : "macOS"],
    [/CrOS/, "ChromeOS"],
    [/Linux/, "Linux"],
  ]);
  const arm = /arm|aarch64|Android|iPhone|iPad|Mac OS X/i.test(agent);
  return {
    engine: `${engine} ${agent.match(version)?.[1] ?? ""}`.trim(),
    system,
    processor: negative ? "x86" : arm ? "ARM" : "unknown",
  };
}

function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
