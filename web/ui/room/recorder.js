// @ts-check
/** Speaking instead of writing: the microphone is asked for, one sees that it hears, and what was said is listened to before it goes. */
import { h, icon, iconButton, setText } from "../dom.js";
import { clockWords, spokenTime } from "../media/words.js";

const MAX_S = 600;
const WARN_S = 30;
const LOOK_MS = 50;
const BARS = 40;
const PEAKS = 120;
/** What browsers can write, the smallest first. */
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4", "audio/webm"];
const ENDINGS = { "audio/webm": "weba", "audio/ogg": "ogg", "audio/mp4": "m4a" };

/** Why there is no microphone. @type {Record<string, string>} */
const REFUSED = {
  NotAllowedError: "This page may not use the microphone. Allow it in the settings of your browser, beside the address, and try again.",
  NotFoundError: "No microphone was found.",
  NotReadableError: "The microphone is used by another program.",
};

/** Whether this browser can record on this page; over plain HTTP none can. */
export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);

/** The loudest of each part, 0 to 255. @param {number[]} levels 0 to 1 @param {number} [count] */
export function peaksOf(levels, count = PEAKS) {
  const parts = Math.min(count, levels.length);
  return Array.from({ length: parts }, (_, at) => Math.round(255 * Math.min(1, Math.max(0, ...levels.slice(Math.floor((at * levels.length) / parts), Math.floor(((at + 1) * levels.length) / parts))))));
}

/**
 * A recording under way, in the composer's place. @param {{done: (blob: Blob, told: {name: string, peaks: number[], durationMs: number}) => void, end: () => void, failed: (message: string) => void}} options
 */
export class Recorder {
  #levels = /** @type {number[]} */ ([]);
  #timer = /** @type {any} */ (0);
  #over = false;

  constructor(options) {
    this.options = options;
    this.time = h("span.recorder-time", {}, "0:00");
    this.told = h("span.visually-hidden", { role: "status" }, "Asking for the microphone");
    this.bars = Array.from({ length: BARS }, () => h("i", {}));
    this.meter = h("div.recorder-meter", { role: "img", "aria-label": "How loud it is" }, ...this.bars);
    this.stop = h("button.recorder-stop", { type: "button", "aria-label": "End the recording", title: "End the recording", disabled: true, data: { testid: "record-stop" }, onclick: () => this.#finish() }, icon("check"));
    this.element = h("div.recorder", { role: "group", "aria-label": "Recording", data: { testid: "recorder", state: "asking" }, onkeydown: (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.cancel();
    } },
    iconButton("trash", "Throw the recording away (Esc)", { data: { testid: "record-cancel" }, onclick: () => this.cancel() }), h("span.recorder-dot", { "aria-hidden": "true" }), this.time, this.meter, this.told, this.stop);
  }

  async start() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
      this.stream = stream;
      if (this.#over) return this.#release();
      this.#listen(stream);
      this.#record(stream);
      this.element.dataset.state = "recording";
      setText(this.told, "Recording");
      this.stop.disabled = false;
      this.stop.focus();
    } catch (error) {
      if (this.#over) return;
      this.#end();
      this.options.failed(REFUSED[error.name] ?? "The microphone could not be opened.");
    }
  }

  /** @param {MediaStream} stream */
  #listen(stream) {
    this.audio = new AudioContext();
    const analyser = this.audio.createAnalyser();
    analyser.fftSize = 1024;
    this.audio.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const begun = performance.now();
    this.begun = begun;
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      let most = 0;
      for (const sample of samples) most = Math.max(most, Math.abs(sample));
      this.#levels.push(most);
      this.#draw((performance.now() - begun) / 1000);
    }, LOOK_MS);
  }

  /** @param {number} seconds */
  #draw(seconds) {
    const latest = this.#levels.slice(-BARS);
    this.bars.forEach((bar, at) => bar.style.setProperty("--level", String(Math.min(1, Math.sqrt(latest[at - BARS + latest.length] ?? 0)))));
    setText(this.time, clockWords(seconds));
    if (MAX_S - seconds < WARN_S) setText(this.told, `${spokenTime(WARN_S)} are left`);
    if (seconds >= MAX_S) this.#finish();
  }

  /** @param {MediaStream} stream */
  #record(stream) {
    const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
    const recorder = new MediaRecorder(stream, type ? { mimeType: type, audioBitsPerSecond: 48000 } : undefined);
    const parts = /** @type {Blob[]} */ ([]);
    recorder.ondataavailable = ({ data }) => data.size && parts.push(data);
    recorder.onerror = () => {
      this.#end();
      this.options.failed("The recording broke off.");
    };
    recorder.onstop = () => {
      if (this.#over) return;
      const mime = (recorder.mimeType || type || "audio/webm").split(";")[0];
      const blob = new Blob(parts, { type: mime });
      const durationMs = Math.round(performance.now() - (this.begun ?? 0));
      const peaks = peaksOf(this.#levels);
      this.#end();
      const at = new Date();
      const name = `Recording ${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}.${two(at.getMinutes())}.${ENDINGS[/** @type {keyof typeof ENDINGS} */ (mime)] ?? "weba"}`;
      if (blob.size) this.options.done(blob, { name, peaks, durationMs });
      else this.options.failed("Nothing was recorded.");
    };
    recorder.start(1000);
    // Another program took the microphone, or it was unplugged: what was said so far stays.
    stream.getAudioTracks()[0]?.addEventListener("ended", () => this.#finish());
    this.recorder = recorder;
  }

  #finish() {
    if (this.recorder?.state === "recording") this.recorder.stop();
  }

  /** Throws it away. */
  cancel() {
    if (this.#over) return;
    this.#end();
  }

  #end() {
    this.#over = true;
    if (this.recorder?.state === "recording") this.recorder.stop();
    this.#release();
    this.options.end();
  }

  #release() {
    clearInterval(this.#timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.audio?.close().catch(() => {});
  }
}

/** @param {number} value */
const two = (value) => String(value).padStart(2, "0");
