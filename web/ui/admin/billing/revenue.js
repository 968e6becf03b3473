// @ts-check
/** What came in: over days or months as bars, by plan and kind as tables. */
import { bars } from "../../chart.js";
import { h } from "../../dom.js";
import { money } from "../../money.js";
import { toastError } from "../../overlays.js";
import { planName } from "../../plans/words.js";
import { formatNumber } from "../../time.js";

const DAY_MS = 86400000;
const SPANS = /** @type {[string, string][]} */ ([["30", "30 days"], ["90", "90 days"], ["365", "A year"]]);
/** From here on a bar is a month: days would be too thin to point at. */
const MONTHS_FROM = 100;
const MEASURES = /** @type {[string, string][]} */ ([["netCents", "Kept"], ["grossCents", "Paid"], ["refundedCents", "Given back"], ["payments", "Payments"]]);
const KINDS = /** @type {Record<string, string>} */ ({ plan: "Plans for days", subscription: "Subscriptions", credits: "Credits" });

/** The day in UTC, as payments are added up by. @param {Date} date */
const dayOf = (date) => date.toISOString().slice(0, 10);
const named = (/** @type {string} */ key, /** @type {Intl.DateTimeFormatOptions} */ how) => new Intl.DateTimeFormat(undefined, { ...how, timeZone: "UTC" }).format(new Date(`${key.length === 7 ? `${key}-01` : key}T00:00:00Z`));

/** @param {import("./billing.js").Place} place */
export function revenue({ api, onEnd }) {
  const select = (/** @type {string} */ id, /** @type {string} */ label, /** @type {[string, string][]} */ options, /** @type {() => void} */ changed) => h("select", { id, "aria-label": label, data: { testid: id }, onchange: changed },
    ...options.map(([value, text]) => h("option", { value }, text)));
  const span = select("revenue-span", "Time", SPANS, () => load());
  const measure = select("revenue-measure", "Measure", MEASURES, () => draw());
  const tiles = h("div.tiles.three", { data: { testid: "revenue-totals" } });
  const chart = h("section.panel", { "aria-label": "Over time", data: { testid: "revenue-chart" } }, h("p.muted", {}, "Loading"));
  const tables = h("div.admin-body", { data: { testid: "revenue-tables" } });
  const others = h("p.muted", { hidden: true });
  let rows = /** @type {any[]} */ ([]);
  let currency = "usd";
  let stamp = 0;
  onEnd(() => { stamp += 1; });

  async function load() {
    const mine = ++stamp;
    const to = new Date();
    const days = Number(span.value);
    const from = new Date(to.getTime() - (days - 1) * DAY_MS);
    const by = days > MONTHS_FROM ? "month" : "day";
    const ask = (/** @type {string} */ groupBy) => api.get(`/api/admin/revenue?${new URLSearchParams({ from: dayOf(from), to: dayOf(to), groupBy })}`);
    try {
      const [time, plans, kinds] = await Promise.all([ask(by), ask("plan"), ask("kind")]);
      if (mine !== stamp) return;
      currency = time.currency ?? currency;
      rows = filled(time.items ?? [], from, to, by);
      totals(time);
      draw();
      tables.replaceChildren(table("By plan", plans.items ?? [], (key) => (key === "credits" ? "Credits" : planName(key))), table("By kind", kinds.items ?? [], (key) => KINDS[key] ?? key));
      others.hidden = !time.otherCurrencies;
      others.textContent = `${formatNumber(time.otherCurrencies ?? 0)} payments in other currencies are not added up here.`;
    } catch (error) {
      if (mine === stamp) toastError(error, "The revenue could not be loaded");
    }
  }

  function totals(/** @type {any} */ { totals: sum = {}, mrrCents = 0, activeSubscriptions = 0 }) {
    const tile = (/** @type {string} */ value, /** @type {string} */ name) => h("div.tile", {}, h("b", {}, value), h("span", {}, name));
    tiles.replaceChildren(tile(money(sum.netCents ?? 0, currency), "Kept"), tile(money(sum.grossCents ?? 0, currency), "Paid"), tile(money(sum.refundedCents ?? 0, currency), "Given back"),
      tile(formatNumber(sum.payments ?? 0), "Payments"), tile(money(mrrCents, currency), "A month by subscriptions"), tile(formatNumber(activeSubscriptions), "Subscriptions that run"));
  }

  function draw() {
    const by = measure.value;
    const format = by === "payments" ? formatNumber : (/** @type {number} */ cents) => money(cents, currency);
    const detail = (/** @type {any} */ row) => `${formatNumber(row.payments)} ${row.payments === 1 ? "payment" : "payments"}, ${money(row.grossCents, currency)} paid, ${money(row.refundedCents, currency)} given back`;
    const months = rows[0]?.key.length === 7;
    const label = (/** @type {any} */ row) => named(row.key, months ? { month: "short", year: "2-digit" } : { day: "numeric", month: "short" });
    chart.replaceChildren(bars({ title: `${measure.selectedOptions[0].textContent} ${months ? "a month" : "a day"}`, format, whole: by === "payments", points: rows.map((row) => ({ label: label(row), value: row[by], detail: detail(row) })), empty: "Nothing was paid in this time." }));
  }

  function table(/** @type {string} */ title, /** @type {any[]} */ items, /** @type {(key: string) => string} */ words) {
    const cell = (/** @type {any} */ value) => h("td", { data: { number: "true" } }, value);
    return h("section.panel", { "aria-label": title }, h("h2", {}, title), items.length ? h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": title }, h("table", {},
      h("thead", {}, h("tr", {}, ...["Name", "Kept", "Paid", "Given back", "Payments"].map((name, at) => h("th", { scope: "col", data: { number: String(at > 0) } }, name)))),
      h("tbody", {}, ...items.map((row) => h("tr", {}, h("th", { scope: "row" }, words(row.key ?? "")), ...["netCents", "grossCents", "refundedCents"].map((key) => cell(money(row[key] ?? 0, currency))), cell(formatNumber(row.payments ?? 0)))))))
      : h("p.muted", {}, "Nothing was paid in this time."));
  }

  load();
  return [h("div.filters", {}, span, measure), tiles, chart, tables, others];
}

/** A row for each day or month, also where nothing was paid. @param {any[]} rows @param {Date} from @param {Date} to @param {string} by */
function filled(rows, from, to, by) {
  const known = new Map(rows.map((row) => [row.key, row]));
  const keys = new Set();
  for (let at = Date.parse(dayOf(from)); at <= to.getTime(); at += DAY_MS) keys.add(dayOf(new Date(at)).slice(0, by === "month" ? 7 : 10));
  return [...keys].map((key) => known.get(key) ?? { key, payments: 0, grossCents: 0, refundedCents: 0, netCents: 0 });
}
