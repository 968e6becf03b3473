// @ts-check
/** One's figures day by day. */
import { dollars, millis } from "../admin/ai/units.js";
import { bars, lines, shares } from "../chart.js";
import { h } from "../dom.js";
import { compactNumber, formatNumber } from "../time.js";
import { shareOf } from "./overview.js";
import { dayWord, loaded, spanChoice, tile } from "./parts.js";

/** @param {import("./dashboard.js").Place} place */
export function analytics({ api }) {
  const span = spanChoice("dashboard-span", "7d", () => part.load());
  const part = loaded({ ask: () => api.get(`/api/dashboard/analytics?timeframe=${span.value}`), draw: drawn, testid: "dashboard-analytics" });
  return [h("div.filters", {}, span), part.body];
}

/** @param {any} view */
function drawn({ days, totals, characters }) {
  const labels = days.map((/** @type {any} */ day) => dayWord(day.date));
  const of = (/** @type {string} */ key) => days.map((/** @type {any} */ day) => day[key]);
  const chart = (/** @type {any} */ figure) => h("section.panel", {}, figure);
  const tokens = (/** @type {any} */ day) => day.promptTokens + day.completionTokens;
  return [
    h("div.tiles", { data: { testid: "analytics-totals" } }, tile(compactNumber(totals.messages), "Messages"), tile(compactNumber(totals.replies), "Replies"), tile(compactNumber(tokens(totals)), "Tokens"),
      tile(dollars(totals.costMicros), "What the AI cost"), tile(formatNumber(totals.creditsSpent), "Credits spent", totals.creditsBought ? `${formatNumber(totals.creditsBought)} bought` : undefined),
      tile(totals.firstTokenMs.p50 === null ? "–" : millis(totals.firstTokenMs.p50), "To the first word", totals.firstTokenMs.p95 === null ? undefined : `95 of 100 within ${millis(totals.firstTokenMs.p95)}`),
      tile(formatNumber(totals.activeDays), "Days with you")),
    chart(lines({ title: "Messages and replies", unit: "a day", whole: true, labels, format: compactNumber, empty: "You said nothing in this time.",
      series: [{ name: "Messages", values: of("messages") }, { name: "Replies", values: of("replies") }] })),
    h("div.figures-two", {},
      chart(bars({ title: "Tokens", unit: "tokens a day", whole: true, format: compactNumber, empty: "No model was asked in this time.",
        points: days.map((/** @type {any} */ day, /** @type {number} */ at) => ({ label: labels[at], value: tokens(day), detail: `${formatNumber(day.promptTokens)} in, ${formatNumber(day.completionTokens)} out` })) })),
      chart(bars({ title: "What the AI cost", unit: "US dollars a day", format: dollars, empty: "It cost nothing in this time.",
        points: days.map((/** @type {any} */ day, /** @type {number} */ at) => ({ label: labels[at], value: day.costMicros, detail: `${formatNumber(day.calls)} calls` })) })),
      chart(lines({ title: "Time to the first word", unit: "a day's replies", labels, format: millis, empty: "No reply came in this time.",
        series: [{ name: "Half of them within", values: days.map((/** @type {any} */ day) => day.firstTokenMs.p50) }, { name: "95 of 100 within", values: days.map((/** @type {any} */ day) => day.firstTokenMs.p95) }] })),
      chart(bars({ title: "Credits spent", unit: "credits a day", whole: true, format: formatNumber, empty: "You spent no credits in this time.",
        points: days.map((/** @type {any} */ day, /** @type {number} */ at) => ({ label: labels[at], value: day.creditsSpent, detail: `${formatNumber(day.creditsBought)} bought, ${formatNumber(day.creditsReceived)} given` })) })),
      chart(bars({ title: "Characters", unit: "that answered you, a day", whole: true, format: formatNumber, empty: "Nobody answered you in this time.",
        points: days.map((/** @type {any} */ day, /** @type {number} */ at) => ({ label: labels[at], value: day.characters, detail: `${formatNumber(day.conversations)} conversations begun` })) })),
      chart(shares({ title: "Who answered", testid: "analytics-characters", parts: characters.map(shareOf) }))),
  ];
}
