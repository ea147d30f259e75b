// Show the pad: a user draws a digit or chooses a test digit, and the network reads the digit. `mount`
// makes the pad in a page. In JupyterLab, anywidget calls `render` to make the pad.

const DEMONSTRATED = 4; // a test digit whose answer changes several times
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const BODY = `
<p class="answer" role="status"></p>
<div class="pad-sheet">
  <canvas class="pad-ink" width="1000" height="1000" tabindex="0" role="application"
    aria-label="Drawing pad" aria-describedby="pad-keys"></canvas>
  <div class="pad-tools">
    <button name="clear">Clear</button>
    <button name="undo">Undo</button>
    <button name="hard">Hard test digit</button>
    <button name="random">Random test digit</button>
    <button name="share" hidden>Share drawing</button>
  </div>
  <label class="pad-file pad-note" hidden>Other weights: <input type="file" accept=".f32"></label>
  <p id="pad-keys" class="pad-note">By keyboard: arrow keys move the pen, Home, End, Page Up and
    Page Down move it diagonally; Space puts it down and lifts it.</p>
</div>
<div class="reading">
  <div class="pad-guess" role="group" aria-label="Your guess" hidden>
    <span>Your guess:</span>${DIGITS.map((digit) => `<button name="guess">${digit}</button>`).join("")}
    <button name="guess">Reveal</button>
  </div>
  <div class="pad-panels">
    <div class="pad-head">what the network sees</div>
    <div class="pad-head pad-digits">${DIGITS.map((digit) => `<span>${digit}</span>`).join("")}</div>
    <canvas class="pad-ink" width="28" height="28" role="img"></canvas>
    <div class="pad-probabilities">
      <canvas class="pad-ink" width="10" height="28" role="img"></canvas>
      <div class="pad-dots"></div>
    </div>
    <div class="pad-foot">28 rows of 28 pixels</div>
    <div class="pad-foot">probability by row</div>
  </div>
  <div class="pad-tools">
    <button name="play">Play</button>
    <label>Rows per second
      <select name="speed"><option>2</option><option selected>5</option><option>10</option>
        <option>20</option></select></label>
    <label class="pad-row">Rows read
      <input name="row" type="range" min="1" max="28" value="28"></label>
  </div>
  <p class="pad-after"></p>
  <p class="pad-changes"></p>
</div>`;

const percent = (share) => `${Math.round(100 * share)}%`;
const article = (digit) => `${Number(digit) === 8 ? "an" : "a"} ${digit}`;
const describe = (probabilities) => `${article(name(probabilities))} (${percent(Math.max(...probabilities))})`;

/**
 * Make the pad in an HTML element, and let the network read a test digit. `address` says whether the
 * page's address may contain a drawing.
 */
async function mount(root, data, address = false) {
  const unpacked = await unpack(data);
  const { digits } = unpacked;
  let { weights } = unpacked;
  root.classList.add("mnist-pad");
  root.innerHTML = `<div class="pad-desk">${BODY}</div>`;
  const find = (selector) => root.querySelector(selector);
  const [sheet, view, map] = root.querySelectorAll("canvas");
  const [share, play, range] = ["share", "play", "row"].map((name) => find(`[name=${name}]`));
  const score = { taken: 0, you: 0, network: 0 };
  let strokes, pen, test, image, probabilities, said, timer, hard = 0;

  find(".pad-file").hidden = !address;
  share.hidden = !address || location.protocol === "file:"; // nobody else can open it
  const read = (pixels) => readRows(weights, pixels).map((hidden) => computeProbabilities(weights, hidden));

  /** Replace the drawing by these strokes. If the strokes can't be a digit, show `advice`. */
  function begin(drawn = [], advice) {
    strokes = drawn;
    pen = { x: 500, y: 200, down: false, keys: false };
    test = null;
    find(".pad-guess").hidden = true;
    answer(advice);
  }

  /** Let the network read the drawing, and show the network's answer. */
  function answer(advice) {
    const drawn = centerStrokes(strokes);
    image = drawn.image;
    probabilities = image && read(image);
    show(image ? `The network reads ${describe(probabilities[27])}.` : (advice ?? drawn.advice));
  }

  /** Show the predictions after all rows of the digit, and show `text` above them. */
  function show(text) {
    stop();
    said = text;
    share.disabled = !strokes.length;
    play.disabled = range.disabled = !probabilities;
    drawSheet();
    showRows(ROWS);
  }

  function say(text) {
    if (find(".answer").textContent !== text) find(".answer").textContent = text;
  }

  /** Show the predictions after `count` rows; the final answer is hidden until the last row. */
  function showRows(count) {
    const rows = probabilities?.slice(0, count) ?? [];
    const done = count === ROWS;
    const final = done && probabilities ? (test?.label ?? name(probabilities[27])) : null;
    say(done ? said : "The network is reading …");
    const now = probabilities && name(rows.at(-1));
    const [after, changes] = probabilities ? describeRows(rows) : ["", ""];
    range.value = count;
    paint(view, image ?? [], ROWS, count);
    paint(map, rows.flatMap((row) => [...row]), 10, count);
    find(".pad-dots").innerHTML = rows.map(name).map((digit, t) => `<i
      class="${digit === final ? "pad-right" : done ? "pad-wrong" : "pad-open"}"
      style="left: ${10 * digit + 5}%; top: ${(t + 0.5) / 0.28}%"></i>`).join("");
    root.querySelectorAll(".pad-digits span").forEach((head, digit) => {
      head.classList.toggle("pad-now", digit === now);
    });
    find(".pad-after").textContent = after;
    find(".pad-changes").textContent = changes;
    range.setAttribute("aria-valuetext", after || "nothing read");
    view.setAttribute("aria-label", image ? "The digit, scaled and centred" : "No digit");
    map.setAttribute("aria-label", changes || "No probabilities");
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function start() {
    if (range.valueAsNumber === ROWS) showRows(1);
    play.textContent = "Pause";
    clearInterval(timer);
    timer = setInterval(() => {
      showRows(range.valueAsNumber + 1);
      if (range.valueAsNumber === ROWS) stop();
    }, 1000 / find("[name=speed]").value);
  }

  /** Paint values in [0, 1] as ink, with `width` values per row; rows after the first `count` rows are pale. */
  function paint(canvas, values, width, count) {
    const pixels = new ImageData(width, ROWS);
    values.forEach((value, i) => {
      pixels.data[4 * i + 3] = 255 * value * (i < width * count ? 1 : 0.25);
    });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  const drawSheet = () => paintSheet(sheet, strokes, test?.image, pen.keys && pen);

  /** If the pad shows a test digit, clear it. Put the pen down, and begin a stroke. */
  function putPenDown(x, y) {
    const put = { ...pen, x, y, down: true };
    if (test) begin();
    pen = put;
    strokes.push([[x, y]]);
    answer();
  }

  function movePen(x, y) {
    Object.assign(pen, { x, y });
    if (!pen.down) return drawSheet();
    const [u, v] = strokes.at(-1).at(-1);
    if (Math.hypot(x - u, y - v) < NEAR) return;
    strokes.at(-1).push([x, y]);
    answer();
  }

  function take(digit) {
    begin();
    test = digit;
    image = digit.image;
    find(".pad-guess").hidden = false;
    show("Which digit is it? Guess, then see.");
  }

  /** Let the network read a test digit when the page is opened. */
  function demonstrate() {
    test = digits[data.hard + DEMONSTRATED];
    image = test.image;
    probabilities = read(image);
    show(`The network reads ${describe(probabilities[27])}. Draw a digit of your own.`);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
  }

  function reveal(guess) {
    probabilities = read(image);
    find(".pad-guess").hidden = true;
    find("[name=hard]").focus();
    const text = `The network reads ${describe(probabilities[27])}. The label is ${test.label}.`;
    if (isNaN(guess)) return show(text);
    score.taken += 1;
    score.you += Number(guess) === test.label;
    score.network += name(probabilities[27]) === test.label;
    show(`You read ${article(guess)}. ${text} Right so far: you ${score.you} of ${score.taken}, ` +
      `the network ${score.network}.`);
  }

  function writeHash() {
    const address = writeAddress(strokes);
    if (!readAddress(address)) return say("This drawing has too many points for an address.");
    location.hash = address;
    const done = "The address of this page now contains the drawing";
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    copied.then(() => say(`${done}, and the address is copied.`), () => say(`${done}. Copy the address.`));
  }

  /** Let the network read with the weights in a file that learn.html saved. */
  async function takeWeights({ target }) {
    const [file] = target.files;
    const read = file && readWeights(await file.arrayBuffer());
    target.value = ""; // so that the same file can be chosen again
    if (read) weights = read;
    begin([], read ? `Now a network of ${weights.bias.length} units reads. Draw a digit.`
      : "Expected a file of weights that the page Watch it learn has saved.");
  }

  function readHash() {
    if (location.hash.length < 2 || location.hash === writeAddress(strokes)) return;
    const drawn = readAddress(location.hash);
    begin(drawn ?? [], drawn ? null : "The address contains no drawing. Draw a digit on the pad.");
  }

  const press = {
    clear: () => begin(),
    undo: () => {
      if (test) return begin();
      strokes.pop();
      pen.down = false;
      answer();
    },
    hard: () => take(digits[hard++ % data.hard]),
    random: () => take(digits[data.hard + Math.floor(Math.random() * (digits.length - data.hard))]),
    guess: (button) => reveal(button.textContent),
    play: () => (timer ? stop() : start()),
    share: writeHash,
  };
  root.addEventListener("click", (event) => press[event.target.name]?.(event.target));
  find("[name=speed]").addEventListener("change", () => timer && start());
  range.addEventListener("input", () => {
    stop();
    showRows(range.valueAsNumber);
  });
  find(".pad-file").addEventListener("change", takeWeights);
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    sheet.setPointerCapture(event.pointerId);
    pen.keys = false;
    putPenDown(...placeOf(event));
  });
  sheet.addEventListener("pointermove", (event) => {
    if (event.isPrimary && sheet.hasPointerCapture(event.pointerId)) movePen(...placeOf(event));
  });
  sheet.addEventListener("lostpointercapture", (event) => {
    if (event.isPrimary) pen.down = false;
  });
  root.addEventListener("keydown", (event) => {
    const saves = event.key === "s" && (event.ctrlKey || event.metaKey);
    if (!saves) event.stopPropagation(); // or JupyterLab edits the notebook
  });
  sheet.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (event.key === " " && event.repeat) return;
    pen.keys = true;
    const [right, down] = KEYS[event.key];
    if (event.key !== " ") return movePen(within(pen.x + STEP * right), within(pen.y + STEP * down));
    if (!pen.down) return putPenDown(pen.x, pen.y);
    pen.down = false;
    drawSheet();
  });
  begin();
  if (location.hash.length < 2 || !address) demonstrate();
  if (address) readHash();
  if (address) addEventListener("hashchange", readHash);
  return { read, centerStrokes, readAddress, writeAddress };
}

/** Return a sentence about the predicted probabilities after these rows, and a sentence about all answers. */
function describeRows(rows) {
  const now = rows.at(-1);
  const best = [...DIGITS].sort((a, b) => now[b] - now[a]).slice(0, 3);
  const answers = findAnswers(rows);
  const list = ({ digit, from, to }) => `${digit} (${from === to ? from : `${from} to ${to}`})`;
  const times = answers.length === 2 ? "once" : `${answers.length - 1} times`;
  return [
    `After row ${rows.length}: ${best.map((digit) => `${digit} (${percent(now[digit])})`).join(", ")}.`,
    answers.length === 1
      ? `The answer has not changed: ${list(answers[0])}.`
      : `The answer changes ${times}. Answers (rows): ${answers.map(list).join(", ")}.`,
  ];
}

/** Make the pad in JupyterLab; return nothing, because anywidget would call a returned function at the end. */
const render = async ({ model, el }) => {
  await mount(el, model.get("data"));
};
