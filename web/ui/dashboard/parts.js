// @ts-check
/** What the dashboards share: how a part is loaded, tiles, spans of days, limits. */
import { h } from "../dom.js";
import { failed } from "../failed.js";
import { sizeWords } from "../media/words.js";
import { formatNumber, momentIn } from "../time.js";

export const SPANS = /** @type {[string, string][]} */ ([["7d", "7 days"], ["30d", "30 days"], ["90d", "90 days"]]);

const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
/** A day of a calendar, which has no zone. @param {string} date */
export const dayWord = (date) => shortDay.format(new Date(`${date}T00:00:00Z`));

/** @param {string} value @param {string} name @param {string} [more] */
export const tile = (value, name, more) => h("div.tile", {}, h("b", {}, value), h("span", {}, name), more ? h("small", {}, more) : null);

/** @param {string} title @param {...any} content */
export const panel = (title, ...content) => h("section.panel", { "aria-label": title }, h("h2", {}, title), ...content);

/** A choice of spans, as a group of radio buttons' look in a select. @param {string} testid @param {string} chosen @param {() => void} changed */
export function spanChoice(testid, chosen, changed) {
  const select = h("select", { "aria-label": "Time", data: { testid }, onchange: changed }, ...SPANS.map(([value, text]) => h("option", { value }, text)));
  select.value = chosen;
  return select;
}

/**
 * What is asked for and then drawn: says that it loads, and what went wrong with a way to try again; what stood there stays while
 * it is asked for anew.
 * @template T @param {{ask: () => Promise<T>, draw: (answer: T) => any[], testid: string}} part
 */
export function loaded({ ask, draw, testid }) {
  const body = h("div.figures", { data: { testid }, "aria-busy": "true" }, h("p.muted", {}, "Loading"));
  let stamp = 0;
  async function load() {
    const mine = ++stamp;
    body.setAttribute("aria-busy", "true");
    try {
      const answer = await ask();
      if (mine !== stamp) return;
      body.replaceChildren(...draw(answer));
    } catch (error) {
      if (mine !== stamp) return;
      body.replaceChildren(failed(error, load, "dashboard"));
    } finally {
      if (mine === stamp) body.setAttribute("aria-busy", "false");
    }
  }
  load();
  return { body, load };
}

const LEVELS = /** @type {Record<string, string>} */ ({ warning: "Nearly used up", reached: "Used up" });

/** One limit. @param {any} limit @param {string} [zone] */
export function limitLine(limit, zone) {
  const format = limit.name === "storage" ? sizeWords : formatNumber;
  const numbers = limit.limit === null ? `${format(limit.used)}, no limit` : `${format(limit.used)} of ${format(limit.limit)}`;
  return h("li.limit", { data: { level: limit.level, name: limit.name, testid: "limit" } },
    h("div.limit-head", {}, h("b", {}, limit.title), h("span", {}, numbers, limit.level === "ok" ? null : h("span.tag", { data: { tone: "warn" } }, LEVELS[limit.level]))),
    limit.limit === null ? null : h("progress", { max: Math.max(1, limit.limit), value: Math.min(limit.used, limit.limit || 1), "aria-label": `${limit.title}: ${numbers}` }),
    limit.resetsAt ? h("p.muted", {}, `Counts anew ${momentIn(limit.resetsAt, zone)}.`) : null);
}
