// Convert strokes on the pad to an image like those of MNIST. Write strokes to a page's address, and read them.
//
// MNIST's authors scaled each digit to a box of 20 by 20 pixels, without changing its proportions, and
// smoothed its edges. The authors placed each box in 28 by 28 pixels, with the digit's centre of mass
// in the middle. This code scales strokes before it draws them with the pen's width, so that a small drawing
// does not become bold. A stroke is a list of points [x, y] in thousandths of the pad's side.

const SIDE = 1000;
const BOX = 20;
const MIDDLE = 14; // row and column of the centre of mass of MNIST's digits, counted from 0
const PEN = 2.6; // width of a stroke: with it, drawn digits have as much ink as MNIST's
const SMALLEST = 0.1; // fraction of the pad's side; a smaller drawing is a dot
const FULL = 0.85; // fraction of the box's area; each digit of MNIST has less ink
const MOST_POINTS = 5000; // the largest number of points in an address
const WIDTH = 71; // width of a stroke on the pad
const NEAR = 5; // a point that is nearer to the last point is left out
const STEP = 25; // the distance that a key moves the pen
const KEYS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  Home: [-1, -1], PageUp: [1, -1], End: [-1, 1], PageDown: [1, 1], " ": [0, 0],
};

const within = (value) => Math.max(0, Math.min(SIDE - 1, Math.round(value)));

/** Return the position [x, y] of a pointer event on the pad. */
function placeOf({ target, offsetX, offsetY }) {
  return [offsetX / target.clientWidth, offsetY / target.clientHeight].map((part) => within(SIDE * part));
}

/** Paint the strokes, the optional `pixels` in [0, 1], and the optional pen `{ x, y, down }`, which keys move. */
function paintSheet(sheet, strokes, pixels, pen) {
  const context = sheet.getContext("2d");
  const cell = SIDE / ROWS;
  context.clearRect(0, 0, SIDE, SIDE);
  Object.assign(context, { lineWidth: WIDTH, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
  for (const stroke of strokes) {
    context.beginPath();
    [stroke[0], ...stroke].forEach((point) => context.lineTo(...point)); // one point is a dot
    context.stroke();
  }
  pixels?.forEach((value, i) => {
    context.fillStyle = `rgb(0 0 0 / ${value})`;
    context.fillRect((i % ROWS) * cell, Math.floor(i / ROWS) * cell, cell, cell);
  });
  if (!pen) return;
  Object.assign(context, { lineWidth: 6, strokeStyle: "#888" });
  context.beginPath();
  context.arc(pen.x, pen.y, pen.down ? 20 : 44, 0, 7);
  context.stroke();
}

/** Return `{ image }` with 784 pixels in [0, 1], or `{ advice }` if the strokes can't be a digit. */
function centerStrokes(strokes) {
  if (!strokes.length) return { advice: "Draw a digit on the pad." };
  const ends = [0, 1].map((axis) => {
    const along = strokes.flat().map((point) => point[axis]);
    return along.reduce(([low, high], x) => [Math.min(low, x), Math.max(high, x)], [along[0], along[0]]);
  });
  const size = Math.max(...ends.map(([low, high]) => high - low));
  if (size < SMALLEST * SIDE) return { advice: "Your drawing is a dot. Draw a digit over most of the pad." };
  const zoom = (BOX - PEN) / size;
  const [x0, y0] = ends.map(([low, high]) => (low + high) / 2);
  const scale = ([x, y]) => [(x - x0) * zoom + MIDDLE, (y - y0) * zoom + MIDDLE];
  const scaled = strokes.map((stroke) => stroke.map(scale));
  const ink = drawInk(scaled);
  const mass = ink.reduce((a, b) => a + b);
  if (mass > FULL * BOX ** 2) return { advice: "The pad is full. Clear the pad and draw a digit." };
  const center = (place) => ink.reduce((sum, value, i) => sum + value * place(i), 0) / mass;
  const right = MIDDLE - center((i) => i % ROWS);
  const down = MIDDLE - center((i) => Math.floor(i / ROWS));
  return { image: drawInk(scaled.map((stroke) => stroke.map(([x, y]) => [x + right, y + down]))) };
}

/** Draw these strokes in an image of 784 pixels. The strokes are as wide as the pen, and have soft edges of one pixel. */
function drawInk(strokes) {
  const image = new Float32Array(ROWS * ROWS);
  const reach = Math.ceil(PEN / 2 + 0.5);
  for (const [x, y] of strokes.flatMap(refine)) {
    const [column, row] = [Math.round(x), Math.round(y)];
    for (let r = Math.max(0, row - reach); r <= Math.min(ROWS - 1, row + reach); r++) {
      for (let c = Math.max(0, column - reach); c <= Math.min(ROWS - 1, column + reach); c++) {
        const ink = Math.min(1, PEN / 2 + 0.5 - Math.sqrt((c - x) ** 2 + (r - y) ** 2));
        if (ink > image[r * ROWS + c]) image[r * ROWS + c] = ink;
      }
    }
  }
  return image;
}

/** Return points along the stroke, at most a quarter of a pixel apart. */
function refine(stroke) {
  const along = [0];
  for (let i = 1; i < stroke.length; i++) {
    const [[x, y], [u, v]] = [stroke[i - 1], stroke[i]];
    along.push(along.at(-1) + Math.hypot(u - x, v - y));
  }
  const length = along.at(-1);
  const last = Math.floor(4 * length) + 1;
  let i = 0;
  return Array.from({ length: last + 1 }, (_, n) => {
    const place = (n * length) / last;
    while (i < stroke.length - 2 && along[i + 1] < place) i++;
    const [[x, y], [u, v]] = [stroke[i], stroke[i + 1] ?? stroke[i]];
    const share = (place - along[i]) / (along[i + 1] - along[i]) || 0;
    return [x + share * (u - x), y + share * (v - y)];
  });
}

/** Return the fragment of an address that encodes these strokes. Each point has six digits. */
function writeAddress(strokes) {
  const figures = (number) => String(number).padStart(3, "0");
  return "#d=" + strokes.map((stroke) => stroke.flat().map(figures).join("")).join(".");
}

/** Return the strokes in a fragment that `writeAddress` wrote, or null if the fragment contains no drawing. */
function readAddress(fragment) {
  if (fragment.length > 7 * MOST_POINTS || !/^#d=(\d{6})+(\.(\d{6})+)*$/.test(fragment)) return null;
  const readStroke = (text) =>
    text.match(/.{6}/g).map((point) => [Number(point.slice(0, 3)), Number(point.slice(3))]);
  return fragment.slice(3).split(".").map(readStroke);
}
