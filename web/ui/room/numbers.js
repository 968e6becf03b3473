// @ts-check
/** The numbers of a conversation: how much was said, by whom, and on which days. */
import { h } from "../dom.js";
import { formatNumber, fullMoment } from "../time.js";

const MAX_SPEAKERS = 12;
const DAYS = 30;
const DAY_MS = 86400000;
const seconds = (/** @type {number} */ ms) => `${formatNumber(ms / 1000)} s`;

/** @param {any} stats @returns {any[]} */
export function numbers(stats) {
  const rows = [["Messages", formatNumber(stats.messages)], ["By people", formatNumber(stats.fromPeople)], ["By characters", formatNumber(stats.fromCharacters)], ["Words", formatNumber(stats.words)],
    ["Deleted", stats.deleted ? formatNumber(stats.deleted) : null], ["A reply takes", stats.averageReplyMs ? seconds(stats.averageReplyMs) : null],
    ["First", stats.firstAt && fullMoment(stats.firstAt)], ["Last", stats.lastAt && fullMoment(stats.lastAt)]];
  return [h("dl.facts", {}, ...rows.filter(([, value]) => value).map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
    stats.complete === false ? h("p.muted", {}, `Words and shares are of the newest ${formatNumber(stats.counted)} messages.`) : null,
    speakers(stats.speakers ?? []), days(stats.days ?? [])].filter(Boolean);
}

function speakers(all) {
  if (all.length < 2) return null;
  const most = Math.max(...all.map(({ messages }) => messages), 1);
  return h("ul.shares", { "aria-label": "Who spoke" }, ...all.slice(0, MAX_SPEAKERS).map(({ name, messages, words }) => h("li", {}, h("span", {}, name), h("span.muted", {}, `${formatNumber(messages)} · ${formatNumber(words)} words`),
    h("progress", { max: most, value: messages, "aria-hidden": "true" }))));
}

/** The last days, one bar each; days without a word have none. */
function days(all) {
  if (all.length < 2) return null;
  const counted = new Map(all.map(({ day, messages }) => [day, messages]));
  const today = Date.now();
  const shown = Array.from({ length: DAYS }, (_, at) => new Date(today - (DAYS - 1 - at) * DAY_MS).toISOString().slice(0, 10));
  const most = Math.max(...shown.map((day) => counted.get(day) ?? 0), 1);
  const total = shown.reduce((sum, day) => sum + (counted.get(day) ?? 0), 0);
  return h("div.day-bars", { role: "img", "aria-label": `${formatNumber(total)} messages in the last ${DAYS} days` }, ...shown.map((day) => {
    const bar = h("i", { title: `${day}: ${formatNumber(counted.get(day) ?? 0)}` });
    bar.style.setProperty("--share", String((counted.get(day) ?? 0) / most));
    return bar;
  }));
}
