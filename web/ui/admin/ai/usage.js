// @ts-check
/** What the models were asked, and what it cost: over days as bars, by whom or what as a table. */
import { bars } from "../../chart.js";
import { h } from "../../dom.js";
import { toastError } from "../../overlays.js";
import { compactNumber, formatNumber } from "../../time.js";
import { dollars } from "./units.js";

const DAY_MS = 86400000;
const SPANS = /** @type {[string, string][]} */ ([["7", "7 days"], ["30", "30 days"], ["90", "90 days"]]);
const GROUPS = /** @type {[string, string][]} */ ([["model", "Model"], ["provider", "Provider"], ["character", "Character"], ["user", "Person"], ["purpose", "Purpose"]]);
const MEASURES = /** @type {[string, string][]} */ ([["costMicros", "Cost"], ["tokens", "Tokens"], ["calls", "Calls"]]);
const ROWS = 50;

const tokens = (/** @type {any} */ row) => row.promptTokens + row.completionTokens;
/** The day in UTC, as calls are added up by. @param {Date} date */
const dayOf = (date) => date.toISOString().slice(0, 10);
const day = (/** @type {string} */ key) => new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" }).format(new Date(`${key}T00:00:00Z`));

/** @param {import("./ai.js").Place} place */
export function usage({ api }) {
  const select = (/** @type {string} */ id, /** @type {string} */ label, /** @type {[string, string][]} */ options, /** @type {() => void} */ changed) => h("select", { id, "aria-label": label, data: { testid: id }, onchange: changed },
    ...options.map(([value, text]) => h("option", { value }, text)));
  const span = select("ai-usage-span", "Time", SPANS, () => load());
  const measure = select("ai-usage-measure", "Measure", MEASURES, () => draw());
  const group = select("ai-usage-group", "By", GROUPS, () => load());
  span.value = "30";
  const tiles = h("div.tiles", { data: { testid: "ai-usage-totals" } });
  const chart = h("section.panel", { "aria-label": "Over time" });
  const list = h("section.panel", { "aria-label": "By whom or what" });
  let days = /** @type {any[]} */ ([]);
  let stamp = 0;

  async function load() {
    const mine = ++stamp;
    const to = new Date();
    const from = new Date(to.getTime() - (Number(span.value) - 1) * DAY_MS);
    const query = (/** @type {string} */ by, /** @type {number} */ limit) => api.get(`/api/ai/usage?${new URLSearchParams({ from: dayOf(from), to: dayOf(to), groupBy: by, limit: String(limit) })}`);
    try {
      const [byDay, byGroup] = await Promise.all([query("day", 100), query(group.value, ROWS)]);
      if (mine !== stamp) return;
      days = filled(byDay.items, from, to);
      totals(byDay.totals ?? {});
      draw();
      list.replaceChildren(h("h2", {}, `By ${group.selectedOptions[0].textContent.toLowerCase()}`), grouped(byGroup));
    } catch (error) {
      toastError(error, "The usage could not be loaded");
    }
  }

  function totals(/** @type {any} */ sum) {
    const tile = (/** @type {string} */ value, /** @type {string} */ name) => h("div.tile", {}, h("b", {}, value), h("span", {}, name));
    tiles.replaceChildren(tile(dollars(sum.costMicros ?? 0), "Cost"), tile(compactNumber(sum.calls ?? 0), "Calls"), tile(compactNumber(sum.promptTokens ?? 0), "Tokens in"),
      tile(compactNumber(sum.completionTokens ?? 0), "Tokens out"), tile(compactNumber(sum.cachedTokens ?? 0), "Of them cached"), tile(formatNumber(sum.failed ?? 0), "Failed calls"));
  }

  function draw() {
    const by = measure.value;
    const value = (/** @type {any} */ row) => (by === "tokens" ? tokens(row) : row[by]);
    const format = by === "costMicros" ? dollars : formatNumber;
    const detail = (/** @type {any} */ row) => `${formatNumber(row.calls)} calls, ${formatNumber(tokens(row))} tokens, ${dollars(row.costMicros)}`;
    chart.replaceChildren(bars({ title: `${measure.selectedOptions[0].textContent} a day`, format, whole: by !== "costMicros", points: days.map((row) => ({ label: day(row.key), value: value(row), detail: detail(row) })), empty: "No model was asked in this time." }));
  }

  load();
  return [h("div.filters", {}, span, measure, group), tiles, chart, list];
}

const NOTHING = { calls: 0, failed: 0, cached: 0, promptTokens: 0, completionTokens: 0, cachedTokens: 0, costMicros: 0 };

/** A row for each day, also where nothing happened. @param {any[]} rows @param {Date} from @param {Date} to */
function filled(rows, from, to) {
  const known = new Map(rows.map((row) => [row.key, row]));
  const days = [];
  for (let at = Date.parse(dayOf(from)); at <= to.getTime(); at += DAY_MS) {
    const key = dayOf(new Date(at));
    days.push(known.get(key) ?? { key, ...NOTHING });
  }
  return days;
}

/** @param {any} answer */
function grouped({ items, total }) {
  if (!items.length) return h("p.muted", {}, "No model was asked in this time.");
  const most = Math.max(...items.map((/** @type {any} */ row) => row.costMicros), 1);
  const cell = (/** @type {any} */ value) => h("td", { data: { number: "true" } }, value);
  return h("div", {}, h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": "Usage", data: { testid: "ai-usage" } }, h("table", {},
    h("thead", {}, h("tr", {}, ...["Name", "Cost", "", "Calls", "Failed", "From cache", "Tokens in", "Cached", "Tokens out"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...items.map((/** @type {any} */ row) => h("tr", {}, h("th", { scope: "row" }, row.label ?? row.key ?? "Nobody in particular"), cell(dollars(row.costMicros)),
      h("td", {}, h("progress.share", { max: most, value: row.costMicros, "aria-hidden": "true" })), ...["calls", "failed", "cached", "promptTokens", "cachedTokens", "completionTokens"].map((key) => cell(formatNumber(row[key] ?? 0)))))))),
  total > items.length ? h("p.muted", {}, `The first ${items.length} of ${formatNumber(total)}.`) : null);
}
