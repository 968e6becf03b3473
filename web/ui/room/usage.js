// @ts-check
/** How much of a plan's allowance is used: a quiet bar, a warning near the end, a plain sentence at it. */
import { h, icon } from "../dom.js";
import { formatNumber } from "../time.js";
import { limitName, limitReset } from "../words.js";

const NEAR = 0.8;

/** @param {any} limit @returns {"ok"|"near"|"out"} */
export function level(limit) {
  if (limit.used >= limit.limit) return "out";
  return limit.used >= limit.limit * NEAR ? "near" : "ok";
}

/** @param {any} limit @param {string} name the character's */
export function usageBar(limit, name) {
  const left = Math.max(0, limit.limit - limit.used);
  const state = level(limit);
  const numbers = `${formatNumber(limit.used)} of ${formatNumber(limit.limit)}`;
  const what = limitName(limit, name);
  const words = { ok: `${numbers} ${what}`, near: `${formatNumber(left)} left · ${numbers} ${what}`, out: `All ${formatNumber(limit.limit)} ${what} are used` };
  return h("div.usage-bar", { data: { level: state } },
    h("span.usage-text", {}, words[state]),
    h("progress", { max: limit.limit, value: Math.min(limit.used, limit.limit), "aria-label": `${numbers} ${what} used` }));
}

/** Shown above the composer for the tightest limit of a character. */
export class UsageStrip {
  constructor() {
    this.element = h("div.usage-strip", { data: { testid: "usage" } });
  }

  /**
   * @param {any[]} limits @param {string} name the character's @param {string} [zone] the person's own
   * @returns {boolean} whether another message can be sent
   */
  update(limits, name, zone) {
    const share = (limit) => (limit.limit ? limit.used / limit.limit : 1);
    const tightest = [...limits].sort((a, b) => share(b) - share(a))[0];
    const key = tightest ? JSON.stringify([tightest, name]) : "none";
    const out = Boolean(tightest) && level(tightest) === "out";
    if (this.element.dataset.shown === key) return !out;
    this.element.dataset.shown = key;
    this.element.dataset.level = tightest ? level(tightest) : "unlimited";
    this.element.hidden = !tightest;
    if (!tightest) {
      this.element.replaceChildren();
    } else if (out) {
      this.element.replaceChildren(h("div.usage-out", { role: "status" }, icon("curtain"),
        h("p", {}, h("strong", {}, `${usageSentence(tightest, name)} `), limitReset(tightest, zone), " Everything said so far stays here. ", toPlans("Plans with more"))));
    } else {
      const bar = usageBar(tightest, name);
      if (level(tightest) === "near") bar.append(toPlans("Plans with more"));
      this.element.replaceChildren(bar);
    }
    return !out;
  }
}

/** @param {string} words */
function toPlans(words) {
  return h("a.link", { href: "#/plans", data: { testid: "usage-plans" } }, words);
}

function usageSentence(limit, name) {
  return `You have used all ${formatNumber(limit.limit)} ${limitName(limit, name)}.`;
}
