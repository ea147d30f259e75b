// The pad: draw a digit, or take a test digit, and watch it being read. `mount` makes it, in a page
// or in JupyterLab, where anywidget calls `render`.

const NEAR = 5; // thousandths of the pad; a point nearer to the last one is left out
const STEP = 25; // of the pen that keys move
const KEYS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  Home: [-1, -1], PageUp: [1, -1], End: [-1, 1], PageDown: [1, 1],
};
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const BODY = `
<div class="pad-tools">
  <button name="clear">Clear</button>
  <button name="undo">Undo</button>
  <button name="hard">Hard test digit</button>
  <button name="random">Random test digit</button>
  <button name="share" hidden>Share this drawing</button>
</div>
<div class="pad-sheet">
  <canvas class="pad-ink" width="1000" height="1000" tabindex="0" role="application"
    aria-label="Drawing pad" aria-describedby="pad-keys"></canvas>
  <p id="pad-keys" class="pad-note">By keyboard: arrow keys move the pen, Home, End, Page Up and
    Page Down move it diagonally; Space puts it down and lifts it.</p>
</div>
<div class="reading">
  <p class="answer" role="status"></p>
  <div class="pad-guess" role="group" aria-label="Your guess" hidden>
    <span>You read a</span>${DIGITS.map((digit) => `<button name="guess">${digit}</button>`).join("")}
    <button name="guess">Reveal</button>
  </div>
  <div class="pad-panels">
    <div class="pad-head">what the network sees</div>
    <div class="pad-head pad-digits">${DIGITS.map((digit) => `<span>${digit}</span>`).join("")}</div>
    <canvas class="pad-ink pad-image" width="28" height="28" role="img"></canvas>
    <div class="pad-beliefs">
      <canvas class="pad-ink" width="10" height="28" role="img"></canvas>
      ${Array.from({ length: 28 }, () => "<i></i>").join("")}
    </div>
    <div class="pad-foot">28 rows of 28 pixels</div>
    <div class="pad-foot">belief after each row</div>
  </div>
  <div class="pad-tools">
    <button name="play">Play</button>
    <label>Rows a second
      <select name="speed"><option>2</option><option selected>5</option><option>10</option>
        <option>20</option></select></label>
    <label class="pad-row">Rows read
      <input name="row" type="range" min="1" max="28" value="28"></label>
  </div>
  <p class="pad-after"></p>
  <p class="pad-changes"></p>
</div>`;

const percent = (share) => `${Math.round(100 * share)}%`;
const describe = (beliefs) => `a ${name(beliefs)} (${percent(Math.max(...beliefs))})`;

/** Make the pad in an element. `address` says whether the page's address holds the drawing. */
async function mount(root, data, address = false) {
  const { weights, digits } = await unpack(data);
  root.classList.add("mnist-pad");
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's keys, while the pad has the focus
  root.innerHTML = BODY;
  const find = (selector) => root.querySelector(selector);
  const [sheet, view, map] = root.querySelectorAll("canvas");
  const [range, speed] = [find("[name=row]"), find("[name=speed]")];
  const score = { taken: 0, you: 0, network: 0 };
  let strokes, pen, test, image, beliefs, timer, hard = 0;

  find("[name=share]").hidden = !address;
  const read = (pixels) => readRows(weights, pixels).map((hidden) => believe(weights, hidden));

  function clear(advice) {
    strokes = [];
    pen = { x: 500, y: 200, down: false, keys: false };
    test = null;
    find(".pad-guess").hidden = true;
    answer(advice);
  }

  /** Read what is drawn and show it; `advice` stands where nothing is. */
  function answer(advice) {
    const drawn = centerStrokes(strokes);
    image = drawn.image;
    beliefs = image && read(image);
    show(image ? `The network reads ${describe(beliefs[27])}.` : (advice ?? drawn.advice));
  }

  function show(text) {
    stop();
    if (find(".answer").textContent !== text) find(".answer").textContent = text;
    find("[name=share]").disabled = !strokes.length;
    find("[name=play]").disabled = range.disabled = !beliefs;
    drawSheet();
    showRows(28);
  }

  /** What has been read after so many rows, and what the network would answer there. */
  function showRows(count) {
    range.value = count;
    paint(view, image, ROWS, beliefs ? count : ROWS);
    paint(map, beliefs?.flatMap((row) => [...row]), 10, count);
    const final = test?.label ?? (beliefs && name(beliefs[27]));
    root.querySelectorAll(".pad-beliefs i").forEach((dot, t) => {
      const digit = beliefs && name(beliefs[t]);
      dot.hidden = !beliefs || t >= count;
      dot.className = digit === final ? "pad-right" : "pad-wrong";
      dot.style = `left: ${10 * digit + 5}%; top: ${((t + 0.5) / ROWS) * 100}%`;
    });
    root.querySelectorAll(".pad-digits span").forEach((head, digit) => {
      head.classList.toggle("pad-now", Boolean(beliefs) && digit === name(beliefs[count - 1]));
    });
    const [after, changes] = beliefs ? describeRows(beliefs, count) : ["", ""];
    find(".pad-after").textContent = after;
    find(".pad-changes").textContent = changes;
    range.setAttribute("aria-valuetext", after || "nothing read");
    view.setAttribute("aria-label", image ? "The digit, scaled and centred" : "No digit");
    map.setAttribute("aria-label", changes || "No beliefs");
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    find("[name=play]").textContent = "Play";
  }

  function play() {
    if (timer) return stop();
    if (Number(range.value) === ROWS) showRows(1);
    find("[name=play]").textContent = "Pause";
    timer = setInterval(() => {
      showRows(Number(range.value) + 1);
      if (Number(range.value) === ROWS) stop();
    }, 1000 / Number(speed.value));
  }

  /** Values in [0, 1] as ink, `width` a row, of the first `count` rows; unread rows are pale. */
  function paint(canvas, values, width, count) {
    const pixels = new ImageData(width, ROWS);
    values?.forEach((value, i) => {
      const unread = i >= width * count;
      pixels.data[4 * i + 3] = 255 * value * (unread ? (width === ROWS ? 0.25 : 0) : 1);
    });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  function drawSheet() {
    const context = sheet.getContext("2d");
    context.clearRect(0, 0, SIDE, SIDE);
    Object.assign(context, { lineWidth: 71, lineCap: "round", lineJoin: "round" });
    for (const [first, ...others] of strokes) {
      context.beginPath();
      context.moveTo(...first);
      [first, ...others].forEach((point) => context.lineTo(...point));
      context.stroke();
    }
    if (test) drawDigit(context);
    if (!pen.keys) return;
    Object.assign(context, { lineWidth: 6, strokeStyle: "#888" });
    context.beginPath();
    context.arc(pen.x, pen.y, pen.down ? 20 : 44, 0, 7);
    context.stroke();
    context.strokeStyle = "#000";
  }

  function drawDigit(context) {
    const cell = SIDE / ROWS;
    test.image.forEach((value, i) => {
      context.fillStyle = `rgb(0 0 0 / ${value})`;
      context.fillRect((i % ROWS) * cell, Math.floor(i / ROWS) * cell, cell, cell);
    });
  }

  /** Put the pen down, beginning a stroke; on a test digit, or an empty pad, a new sheet. */
  function putPenDown(x, y) {
    if (test) clear();
    Object.assign(pen, { x, y, down: true });
    strokes.push([[x, y]]);
    answer();
  }

  function movePen(x, y) {
    Object.assign(pen, { x, y });
    if (!pen.down) return pen.keys && drawSheet();
    const [u, v] = strokes.at(-1).at(-1);
    if (Math.max(Math.abs(x - u), Math.abs(y - v)) < NEAR) return;
    strokes.at(-1).push([x, y]);
    answer();
  }

  function place(event) {
    const box = sheet.getBoundingClientRect();
    const within = (share) => Math.max(0, Math.min(SIDE - 1, Math.round(SIDE * share)));
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  }

  function take(digit) {
    clear();
    test = digit;
    image = digit.image;
    find(".pad-guess").hidden = false;
    show("Which digit is it? Guess, then see.");
  }

  function reveal(guess) {
    beliefs = read(image);
    const guessed = DIGITS.includes(Number(guess));
    find(".pad-guess").hidden = true;
    find("[name=hard]").focus();
    let text = `${guessed ? `You read a ${guess}. ` : ""}The network reads ${describe(beliefs[27])}. `;
    text += `The label is ${test.label}.`;
    if (guessed) {
      score.taken += 1;
      score.you += Number(guess) === test.label;
      score.network += name(beliefs[27]) === test.label;
      text += ` Right so far: you ${score.you} of ${score.taken}, the network ${score.network}.`;
    }
    show(text);
  }

  function share() {
    location.hash = writeAddress(strokes);
    const done = "The address of this page now holds the drawing";
    const say = (text) => (find(".answer").textContent = text);
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    copied.then(() => say(`${done}, and is copied.`), () => say(`${done}: copy it from there.`));
  }

  function readHash() {
    if (location.hash.length < 2 || location.hash === writeAddress(strokes)) return;
    const drawn = readAddress(location.hash);
    clear(drawn ? undefined : "The address holds no drawing. Draw a digit on the pad.");
    if (drawn) strokes = drawn;
    if (drawn) answer();
  }

  const press = {
    clear: () => clear(),
    undo: () => {
      if (test) return clear();
      strokes.pop();
      pen.down = false;
      answer();
    },
    hard: () => take(digits[hard++ % Number(data.hard)]),
    random: () => take(digits[data.hard + Math.floor(Math.random() * (digits.length - data.hard))]),
    guess: (button) => reveal(button.textContent),
    play,
    share,
  };
  root.addEventListener("click", (event) => press[event.target.name]?.(event.target));
  range.addEventListener("input", () => {
    stop();
    showRows(Number(range.value));
  });
  sheet.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    sheet.setPointerCapture(event.pointerId);
    pen.keys = false;
    putPenDown(...place(event));
  });
  sheet.addEventListener("pointermove", (event) => {
    if (pen.down && !pen.keys) movePen(...place(event));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    sheet.addEventListener(end, () => (pen.down = pen.keys && pen.down));
  }
  sheet.addEventListener("keydown", (event) => {
    const [right, down] = KEYS[event.key] ?? [0, 0];
    if (!(event.key in KEYS) && event.key !== " ") return;
    event.preventDefault();
    pen.keys = true;
    const within = (value) => Math.max(0, Math.min(SIDE - 1, value));
    if (event.key !== " ") return movePen(within(pen.x + STEP * right), within(pen.y + STEP * down));
    if (!pen.down) return putPenDown(pen.x, pen.y);
    pen.down = false;
    drawSheet();
  });
  clear();
  if (address) readHash();
  if (address) addEventListener("hashchange", readHash);
  return { read, centerStrokes, readAddress, writeAddress };
}

/** What is believed after a row, and where the answer changed until then, in words. */
function describeRows(beliefs, count) {
  const now = beliefs[count - 1];
  const best = DIGITS.toSorted((a, b) => now[b] - now[a]).slice(0, 3);
  const answers = findAnswers(beliefs.slice(0, count));
  const rows = ({ digit, from, to }) => `${digit} (${from === to ? from : `${from} to ${to}`})`;
  const times = answers.length === 2 ? "once" : `${answers.length - 1} times`;
  return [
    `After row ${count}: ${best.map((digit) => `${digit} (${percent(now[digit])})`).join(", ")}.`,
    answers.length === 1
      ? `It has not changed its mind: ${rows(answers[0])}.`
      : `It changes its mind ${times}; its answers, with their rows: ${answers.map(rows).join(", ")}.`,
  ];
}

/** The lines of the network, to be shown to a reader. */
const source = [affine, readRows, believe].join("\n\n");

/** What anywidget calls in JupyterLab. */
const render = ({ model, el }) => mount(el, model.get("data"));
