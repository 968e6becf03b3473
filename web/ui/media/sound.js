// @ts-check
/** A sound that is played: its loudness over time is drawn, and is where one seeks, with the pointer or the arrow keys. */
import { h, icon, setText } from "../dom.js";
import { orRenewed } from "./picture.js";
import { clockWords, spokenTime } from "./words.js";

const BARS = 44;
const STEP_S = 5;
const PAGE_S = 15;
const SPEEDS = [1, 1.5, 2];
const SVG = "http://www.w3.org/2000/svg";
/** What plays now: one at a time. @type {HTMLAudioElement|null} */
let playing = null;

/** As many heights as there are bars, 0 to 1: the loudest of what each stands for. @param {number[]|null|undefined} peaks 0 to 255 @param {number} [count] */
export function heights(peaks, count = BARS) {
  if (!peaks?.length) return Array.from({ length: count }, () => 0.12);
  const most = Math.max(1, ...peaks);
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((at * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((at + 1) * peaks.length) / count));
    return Math.max(0.08, Math.max(...peaks.slice(from, to)) / most);
  });
}

/** @param {number[]} bars */
function wave(bars) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${bars.length * 4} 32`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", bars.map((height, at) => `M${at * 4 + 2} ${16 - height * 15}V${16 + height * 15}`).join(""));
  svg.append(path);
  return svg;
}

/** @param {{url: string, durationMs?: number|null, peaks?: number[]|null}} file @param {string} label */
export function soundPlayer(file, label) {
  const audio = h("audio", { src: file.url, preload: "none" });
  const bars = heights(file.peaks);
  const told = file.durationMs ? file.durationMs / 1000 : 0;
  // Recordings of browsers do not know their own length.
  const length = () => (Number.isFinite(audio.duration) && audio.duration > 0 ? audio.duration : told);
  const button = h("button.sound-play", { type: "button", "aria-label": `Play: ${label}`, data: { testid: "sound-play" }, onclick: () => toggle() }, icon("play"));
  const line = h("div.sound-line", { role: "slider", tabindex: "0", "aria-label": `Place in: ${label}`, "aria-valuemin": "0", data: { testid: "sound-line" },
    onkeydown: (event) => steer(event), onpointerdown: (event) => grab(event) }, h("span.sound-wave", {}, wave(bars)), h("span.sound-wave.played", {}, wave(bars)));
  const time = h("span.sound-time", { "aria-hidden": "true" });
  const speed = h("button.sound-speed", { type: "button", "aria-label": "Speed", onclick: () => {
    audio.playbackRate = SPEEDS[(SPEEDS.indexOf(audio.playbackRate) + 1) % SPEEDS.length];
    say();
  } });
  const element = h("div.sound", { role: "group", "aria-label": label, data: { testid: "sound", playing: "false" } }, button, line, h("span.sound-side", {}, time, speed), audio);

  function say() {
    const [at, all] = [audio.currentTime, length()];
    element.style.setProperty("--at", `${all ? Math.min(100, (at / all) * 100) : 0}%`);
    setText(time, at > 0 ? `${clockWords(at)} / ${clockWords(all)}` : clockWords(all));
    setText(speed, `${audio.playbackRate}×`);
    speed.setAttribute("aria-label", `Speed: ${audio.playbackRate} times`);
    line.setAttribute("aria-valuemax", String(Math.round(all)));
    line.setAttribute("aria-valuenow", String(Math.round(at)));
    line.setAttribute("aria-valuetext", `${spokenTime(at)} of ${spokenTime(all)}`);
  }

  function toggle() {
    if (!audio.paused) return audio.pause();
    if (playing && playing !== audio) playing.pause();
    playing = audio;
    audio.play().catch(() => {});                     // an `error` event says why, if there is a why
  }

  /** @param {number} to seconds */
  function seek(to) {
    const all = length();
    audio.currentTime = Math.max(0, all ? Math.min(to, all) : to);
    say();
  }

  function steer(event) {
    const to = { ArrowRight: audio.currentTime + STEP_S, ArrowUp: audio.currentTime + STEP_S, ArrowLeft: audio.currentTime - STEP_S, ArrowDown: audio.currentTime - STEP_S,
      PageUp: audio.currentTime + PAGE_S, PageDown: audio.currentTime - PAGE_S, Home: 0, End: length() }[/** @type {string} */ (event.key)];
    if (to === undefined && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (to === undefined) toggle();
    else seek(to);
  }

  function grab(event) {
    if (event.button) return;
    const move = (/** @type {any} */ at) => {
      const { left, width } = line.getBoundingClientRect();
      seek(Math.max(0, Math.min(1, (at.clientX - left) / width)) * length());
    };
    line.setPointerCapture(event.pointerId);
    line.addEventListener("pointermove", move);
    line.addEventListener("lostpointercapture", () => line.removeEventListener("pointermove", move), { once: true });
    move(event);
  }

  function shown() {
    element.dataset.playing = String(!audio.paused);
    button.replaceChildren(icon(audio.paused ? "play" : "pause"));
    button.setAttribute("aria-label", `${audio.paused ? "Play" : "Pause"}: ${label}`);
    say();
  }

  for (const name of ["timeupdate", "durationchange", "seeked"]) audio.addEventListener(name, say);
  for (const name of ["play", "pause", "emptied"]) audio.addEventListener(name, shown);
  audio.addEventListener("ended", () => {
    audio.currentTime = 0;
    shown();
  });
  orRenewed(audio, () => element.replaceChildren(h("span.file-gone", {}, icon("warning"), `${label}: it can no longer be loaded.`)));
  say();
  return element;
}
