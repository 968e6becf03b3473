import assert from "node:assert/strict";
import { test } from "node:test";
import { kindOf } from "../client/uploads.js";
import { decode } from "../ui/media/blurhash.js";
import { sameness } from "../ui/media/file.js";
import { heights } from "../ui/media/sound.js";
import { clockWords, faultWords, refusedWords, sizeWords, spokenTime, typeWords, unfit } from "../ui/media/words.js";
import { peaksOf } from "../ui/room/recorder.js";
import { isPlaceholder, sizeName, whyNot } from "../ui/studio/words.js";

const limits = { image: { maxBytes: 10 * 1024 * 1024, types: ["image/png", "image/jpeg"] }, audio: { maxBytes: 100, types: ["audio/mpeg", "audio/ogg"] }, total: { usedBytes: 90, maxBytes: 1000 } };

test("a blurhash is read into pixels", () => {
  const pixels = decode("LEHV6nWB2yk8pyo0adR*.7kCMdnj", 8, 8);
  assert.equal(pixels.length, 256);
  assert.deepEqual([...pixels].filter((_, at) => at % 4 === 3), Array(64).fill(255), "nothing shines through");
  assert.notDeepEqual([...pixels.slice(0, 3)], [...pixels.slice(-4, -1)]);
  const flat = decode("00OZZy", 2, 2);
  assert.deepEqual([...flat.slice(0, 4)], [...flat.slice(4, 8)], "one colour is the same everywhere");
});

test("what is no blurhash gives no picture", () => {
  for (const hash of ["", "abc", "LEHV6nWB2yk8pyo0adR*.7kCMdn", "LEHV6n\u0000B2yk8pyo0adR*.7kCMdnj", "~~~~~~", null, undefined, {}]) assert.equal(decode(hash, 4, 4), null, String(hash));
});

test("a file is what it says, and else what its name says", () => {
  assert.equal(kindOf({ type: "image/png", name: "a" }), "image");
  assert.equal(kindOf({ type: "", name: "Voice.M4A" }), "audio");
  assert.equal(kindOf({ type: "application/pdf", name: "a.pdf" }), null);
  assert.equal(kindOf({ type: "", name: "" }), null);
});

test("what cannot be taken is told before it is sent", () => {
  assert.equal(unfit({ size: 500, type: "image/png" }, "image", limits), "");
  assert.match(unfit({ size: 11 * 1024 * 1024, type: "image/png" }, "image", limits), /11 MB.*10 MB/);
  assert.match(unfit({ size: 5, type: "image/heic" }, "image", limits), /PNG or JPEG/);
  assert.match(unfit({ size: 0 }, "audio", limits), /empty/);
  assert.match(unfit({ size: 5 }, null, limits), /cannot be sent/);
  assert.match(unfit({ size: 950, type: "image/png" }, "image", limits), /1,?000 bytes of your plan/);
  assert.equal(unfit({ size: 500, type: "image/png" }, "image", null), "", "without limits the server says");
});

test("refusals and faults are sentences", () => {
  assert.match(refusedWords({ code: "quota_exceeded" }), /no room/);
  assert.match(refusedWords({ code: "rate_limited", retryAfterS: 300 }), /5 minutes/);
  assert.match(refusedWords({ code: "unsupported_media_type" }, "audio", limits), /MP3 or OGG/);
  assert.equal(refusedWords({ code: "too_large", message: "the picture has 20 pixels" }, "image"), "The picture has 20 pixels.");
  assert.equal(faultWords({ fault: "file_invalid", kind: "video" }), "This video could not be read.");
  assert.equal(faultWords({ fault: "it ends too early", kind: "audio" }), "It ends too early.");
});

test("sizes and times are read with ease", () => {
  assert.deepEqual([0, 900, 2048, 3.4 * 1024 ** 2].map(sizeWords), ["0 bytes", "900 bytes", "2 kB", "3.4 MB"]);
  assert.deepEqual([0, 67, 3729, NaN, Infinity].map(clockWords), ["0:00", "1:07", "1:02:09", "0:00", "0:00"]);
  assert.deepEqual([1, 67].map(spokenTime), ["1 second", "1 minute 7 seconds"]);
  assert.equal(typeWords(["audio/wav", "audio/x-wav"]), "WAV");
});

test("a wave keeps what is loudest, however much there is of it", () => {
  assert.deepEqual(heights([0, 255, 0, 128], 2), [1, 128 / 255]);
  assert.equal(heights(null, 5).length, 5);
  assert.equal(heights([10], 5).every((height) => height === 1), true);
  assert.deepEqual(peaksOf([0.1, 1, 0.5, 0.2], 2), [255, 128]);
  assert.deepEqual(peaksOf([], 10), []);
});

test("another signature is the same file; another state is not", () => {
  const file = (url, state) => ({ url, state, variants: { small: { url: `${url}&s` } } });
  assert.equal(sameness(file("/media/a?signature=1", "ready")), sameness(file("/media/a?signature=2", "ready")));
  assert.notEqual(sameness(file("/media/a?signature=1", "ready")), sameness(file(null, "processing")));
});

test("why one may not ask for a picture is told beforehand", () => {
  const costs = (more = {}) => ({ image: { available: true }, video: { available: false }, balance: { available: 7 }, openMax: 3, open: 0, ...more });
  assert.equal(whyNot(costs(), "image", 5), "");
  assert.match(whyNot(costs(), "image", 8), /too few credits/);
  assert.match(whyNot(costs(), "video", 5), /No provider makes videos/);
  assert.match(whyNot(costs({ open: 3 }), "image", 5), /Wait/);
  assert.equal(whyNot(null, "image", 5), "");
  assert.equal(sizeName("1536x1024"), "Wide, 1536 × 1024");
  assert.equal(isPlaceholder({ provider: "offline" }), true);
});
