// @ts-check
/**
 * A picture's few colours, to stand in its place while it loads: the reading half of BlurHash (https://blurha.sh), which is
 * small enough to be our own. What comes is data of others: a hash that is none gives null.
 */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
const BASE = 83;
const MAX_PARTS = 9;
/** Pixels of the longer side: the browser makes it larger and smoother. */
const SIDE = 32;

/** @param {string} text */
function number(text) {
  let value = 0;
  for (const char of text) value = value * BASE + DIGITS.indexOf(char);
  return value;
}

/** @param {number} value 0 to 255 */
const linear = (value) => {
  const part = value / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
};
/** @param {number} value 0 to 1 */
const gamma = (value) => {
  const part = Math.max(0, Math.min(1, value));
  return Math.round((part <= 0.0031308 ? part * 12.92 : 1.055 * part ** (1 / 2.4) - 0.055) * 255);
};
/** @param {number} value */
const signedSquare = (value) => Math.sign(value) * value * value;

/** @param {string} hash @param {number} width @param {number} height @returns {Uint8ClampedArray<ArrayBuffer>|null} RGBA, row by row */
export function decode(hash, width, height) {
  if (typeof hash !== "string" || hash.length < 6 || [...hash].some((char) => !DIGITS.includes(char))) return null;
  const size = number(hash[0]);
  const [across, down] = [(size % MAX_PARTS) + 1, Math.floor(size / MAX_PARTS) + 1];
  if (down > MAX_PARTS || hash.length !== 4 + 2 * across * down) return null;
  const most = (number(hash[1]) + 1) / 166;
  const average = number(hash.slice(2, 6));
  const colors = [[linear(average >> 16), linear((average >> 8) & 255), linear(average & 255)]];
  for (let at = 1; at < across * down; at += 1) {
    const value = number(hash.slice(4 + at * 2, 6 + at * 2));
    colors.push([Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19].map((part) => signedSquare((part - 9) / 9) * most));
  }
  const wave = (/** @type {number} */ length, /** @type {number} */ count) => Array.from({ length }, (_, at) => Array.from({ length: count }, (_, part) => Math.cos((Math.PI * at * part) / length)));
  const [waveX, waveY] = [wave(width, across), wave(height, down)];
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const sum = [0, 0, 0];
      for (let j = 0; j < down; j += 1) {
        for (let i = 0; i < across; i += 1) {
          const basis = waveX[x][i] * waveY[y][j];
          const color = colors[i + j * across];
          for (let channel = 0; channel < 3; channel += 1) sum[channel] += color[channel] * basis;
        }
      }
      const to = (x + y * width) * 4;
      for (let channel = 0; channel < 3; channel += 1) pixels[to + channel] = gamma(sum[channel]);
      pixels[to + 3] = 255;
    }
  }
  return pixels;
}

/** The colours as a canvas that fills what it stands in, or null. @param {string|null|undefined} hash @param {number} [ratio] width to height */
export function blurred(hash, ratio = 1) {
  if (!hash) return null;
  const [width, height] = ratio >= 1 ? [SIDE, Math.max(1, Math.round(SIDE / ratio))] : [Math.max(1, Math.round(SIDE * ratio)), SIDE];
  const pixels = decode(hash, width, height);
  if (!pixels) return null;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height, className: "blur" });
  canvas.setAttribute("aria-hidden", "true");
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}
