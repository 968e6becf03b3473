// The same versions by sharp: `node sharp.mjs make <file>` makes the picture, `node sharp.mjs run <file> <runs>` measures.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const sharp = createRequire(`${process.env.SHARP_IN}/`)('sharp');
sharp.cache(false);
const [what, file, runs] = process.argv.slice(2);

// Value noise at many scales, as in a photograph; 4:2:0, as cameras write.
async function make() {
  const [width, height] = [4000, 3000];
  const layers = [];
  for (const [cells, strength] of [[6, 90], [24, 60], [96, 40], [400, 25], [1600, 14]]) {
    const [w, h] = [cells, Math.ceil((cells * 3) / 4)];
    const noise = Buffer.alloc(w * h * 3);
    for (let i = 0, seed = cells; i < noise.length; i += 1) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      noise[i] = seed >>> 24;
    }
    const layer = await sharp(noise, { raw: { width: w, height: h, channels: 3 } })
      .resize(width, height, { kernel: 'cubic', fit: 'fill' }).raw().toBuffer();
    layers.push([layer, strength / 255]);
  }
  const pixels = Buffer.alloc(width * height * 3);
  for (let i = 0; i < pixels.length; i += 1) {
    let sum = 128;
    for (const [layer, strength] of layers) sum += (layer[i] - 128) * strength;
    pixels[i] = Math.max(0, Math.min(255, sum));
  }
  writeFileSync(file, await sharp(pixels, { raw: { width, height, channels: 3 } }).jpeg({ quality: 88 }).toBuffer());
}

// Each the way its manual shows: one pipeline for each version over the same bytes, all at once.
const versions = [
  [(image) => image.resize(150, 150, { fit: 'cover', withoutEnlargement: true }), 80],
  [(image) => image.resize(400, 400, { fit: 'inside', withoutEnlargement: true }), 80],
  [(image) => image.resize(800, 800, { fit: 'inside', withoutEnlargement: true }), 85],
  [(image) => image.resize(1200, 1200, { fit: 'inside', withoutEnlargement: true }), 90],
];

async function run() {
  const bytes = readFileSync(file);
  for (let at = 0; at <= Number(runs ?? 10); at += 1) {
    const begun = performance.now();
    const made = await Promise.all(versions.map(([sized, quality]) =>
      sized(sharp(bytes).rotate()).webp({ quality }).toBuffer()));
    const millis = performance.now() - begun;
    if (at > 0) console.log(millis.toFixed(1), made.reduce((sum, one) => sum + one.length, 0));
  }
}

await (what === 'make' ? make() : run());
