// @ts-check
/** Backstage, for admins: the figures of all people together. */
import { bars, lines, shares } from "../chart.js";
import { shareOf } from "../dashboard/overview.js";
import { dayWord, loaded, panel, spanChoice, tile } from "../dashboard/parts.js";
import { h, icon } from "../dom.js";
import { sizeWords } from "../media/words.js";
import { money } from "../money.js";
import { compactNumber, formatNumber } from "../time.js";
import { dollars, millis } from "./ai/units.js";

export class FiguresView {
  title = "Figures";

  /** @param {any} context see app.js */
  constructor({ api, menuButton }) {
    const span = spanChoice("admin-dashboard-span", "30d", () => part.load());
    const part = loaded({ ask: () => api.get(`/api/admin/dashboard?timeframe=${span.value}`), draw: drawn, testid: "admin-dashboard" });
    this.element = h("section.page", { "aria-labelledby": "figures-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "figures-title" }, "Figures"),
        h("p.lead", {}, "What all people did, what it cost, and what came in. Days are those of UTC."))),
      h("nav.tabs", { "aria-label": "Backstage" }, h("a.tab", { href: "#/admin/dashboard", "aria-current": "page" }, "Figures"), h("a.tab", { href: "#/admin" }, "Backstage", icon("arrow"))),
      h("div.admin-body", {}, h("div.filters", {}, span), part.body));
  }

  destroy() {}
}

/** @param {any} view */
function drawn({ now, users, days, totals, revenue, providers, characters, storage }) {
  const labels = days.map((/** @type {any} */ day) => dayWord(day.date));
  const of = (/** @type {string} */ key) => days.map((/** @type {any} */ day) => day[key]);
  const chart = (/** @type {any} */ figure) => h("section.panel", {}, figure);
  const tokens = (/** @type {any} */ day) => day.promptTokens + day.completionTokens;
  const points = (/** @type {(day: any) => number} */ value, /** @type {(day: any) => string} */ detail) => days.map((/** @type {any} */ day, /** @type {number} */ at) => ({ label: labels[at], value: value(day), detail: detail(day) }));
  const cents = (/** @type {number} */ value) => money(value, revenue.currency);
  return [
    h("div.tiles", { data: { testid: "admin-dashboard-now" } }, tile(formatNumber(now.users), "Connected now", `${formatNumber(now.sockets)} ${now.sockets === 1 ? "socket" : "sockets"}`), tile(formatNumber(now.replies), "Replies being written", `${formatNumber(now.repliesWaiting)} wait`),
      tile(compactNumber(users), "Accounts ever made", `${formatNumber(totals.newUsers)} in this time`), tile(formatNumber(totals.activeUsersAverage), "Active a day", `${formatNumber(totals.activeUsersMost)} at most`),
      tile(sizeWords(storage.bytes), "In the store", `${formatNumber(storage.objects)} objects`)),
    h("div.tiles", { data: { testid: "admin-dashboard-totals" } }, tile(compactNumber(totals.messages), "Messages"), tile(compactNumber(totals.replies), "Replies"), tile(compactNumber(tokens(totals)), "Tokens"), tile(dollars(totals.costMicros), "What the AI cost"),
      tile(cents(revenue.netCents), "Came in", revenue.refundedCents ? `${cents(revenue.refundedCents)} given back` : undefined), tile(cents(revenue.mrrCents), "A month by subscriptions", `${formatNumber(revenue.activeSubscriptions)} run`)),
    chart(lines({ title: "Active and new people", unit: "people a day", whole: true, labels, format: compactNumber, empty: "Nobody was here in this time.",
      series: [{ name: "Active", values: of("activeUsers") }, { name: "New", values: of("newUsers") }] })),
    h("div.figures-two", {},
      chart(lines({ title: "Messages and replies", unit: "a day", whole: true, labels, format: compactNumber, empty: "Nothing was said in this time.",
        series: [{ name: "Messages", values: of("messages") }, { name: "Replies", values: of("replies") }] })),
      chart(bars({ title: "Came in", unit: `${revenue.currency.toUpperCase()} a day, less what went back`, format: cents, empty: "Nothing was paid in this time.", points: points((day) => Math.max(0, day.revenueCents), (day) => `${formatNumber(day.creditsBought)} credits bought`) })),
      chart(bars({ title: "Tokens", unit: "tokens a day", whole: true, format: compactNumber, empty: "No model was asked in this time.", points: points(tokens, (day) => `${formatNumber(day.calls)} calls`) })),
      chart(bars({ title: "What the AI cost", unit: "US dollars a day", format: dollars, empty: "It cost nothing in this time.", points: points((day) => day.costMicros, (day) => `${formatNumber(day.calls)} calls`) })),
      chart(lines({ title: "Time to the first word", unit: "a day's replies", labels, format: millis, empty: "No reply came in this time.",
        series: [{ name: "Half of them within", values: days.map((/** @type {any} */ day) => day.firstTokenMs.p50) }, { name: "95 of 100 within", values: days.map((/** @type {any} */ day) => day.firstTokenMs.p95) }] })),
      chart(bars({ title: "Credits spent", unit: "credits a day", whole: true, format: formatNumber, empty: "No credits were spent in this time.", points: points((day) => day.creditsSpent, (day) => `${formatNumber(day.creditsReceived)} given`) })),
      chart(shares({ title: "Who answers", testid: "admin-dashboard-characters", parts: characters.map(shareOf) })),
      panel("Providers", providers.length ? h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": "Providers" }, h("table", { data: { testid: "admin-dashboard-providers" } },
        h("thead", {}, h("tr", {}, ...["Provider", "Calls", "Failed", "Cost"].map((name, at) => h("th", { scope: "col", data: { number: String(at > 0) } }, name)))),
        h("tbody", {}, ...providers.map((/** @type {any} */ row) => h("tr", {}, h("th", { scope: "row" }, row.provider),
          ...[formatNumber(row.calls), `${formatNumber(row.failed)} (${formatNumber(row.calls ? (row.failed / row.calls) * 100 : 0)}\u00a0%)`, dollars(row.costMicros)].map((cell) => h("td", { data: { number: "true" } }, cell)))))))
        : h("p.muted", {}, "No provider was asked in this time."))),
  ];
}
