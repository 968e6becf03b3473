// @ts-check
/** The comparison of what Stripe says with what is kept here: its last report, and to have one made now. */
import { line, panel } from "../../account/parts.js";
import { h, icon, setText } from "../../dom.js";
import { facts } from "../../facts.js";
import { toast } from "../../overlays.js";
import { busily } from "../../plans/checkout.js";
import { ago, formatNumber } from "../../time.js";

/** How often it is looked for while one runs. */
const EVERY_MS = 2000;
const SUBJECTS = /** @type {Record<string, string>} */ ({ events: "Events", subscription: "Subscription", payment: "Payment", person: "Person", ledger: "Ledger" });

/** @param {import("./billing.js").Place} place */
export function books({ api, onEnd }) {
  const run = h("button.button.primary", { type: "button", data: { testid: "books-run" }, onclick: () => busily(run, begin, "It could not be begun") }, "Compare now");
  const fresh = h("p.admin-fresh", { role: "status" }, "Loading");
  const report = h("div.admin-body", { data: { testid: "books-report" } });
  let timer = /** @type {any} */ (0);
  let ended = false;
  let underWay = false;

  async function load() {
    clearTimeout(timer);
    try {
      const answer = await api.get("/api/admin/reconciliation");
      if (ended) return;
      show(answer);
    } catch (error) {
      if (ended) return;
      fresh.textContent = `The report could not be loaded: ${error.message}`;
      fresh.dataset.tone = "warn";
      if (underWay) timer = setTimeout(load, EVERY_MS);
    }
  }

  async function begin() {
    show(await api.post("/api/admin/reconciliation"));
    toast({ title: "A comparison has begun", level: "success" });
  }

  function show(/** @type {any} */ { running, finishedAt, report: last }) {
    underWay = Boolean(running);
    fresh.dataset.tone = "";
    fresh.textContent = running ? "A comparison is under way" : finishedAt ? `The last comparison ended ${ago(finishedAt)}` : "There was no comparison yet";
    setText(run, running ? "Comparing" : "Compare now");
    report.replaceChildren(...(last ? drawn(last) : []));
    if (running) timer = setTimeout(load, EVERY_MS);
  }

  onEnd(() => {
    ended = true;
    clearTimeout(timer);
  });
  load();
  return [panel("Comparison with Stripe", h("p.muted", {}, "Goes on by itself every few hours. What is safe is mended; the rest waits for somebody to look at it."), fresh, run), report];
}

/** @param {any} report */
function drawn({ checked = {}, repairedCount = 0, repaired = [], foundCount = 0, found = [], incomplete }) {
  return [
    incomplete ? h("p.notice.warn", {}, icon("warning"), `It did not come to its end: ${incomplete}`) : null,
    foundCount ? h("p.notice.warn", {}, icon("warning"), foundCount === 1 ? "One thing to look at." : `${formatNumber(foundCount)} things to look at.`) : incomplete ? null : h("p.notice", {}, icon("check"), "Stripe and this server agree."),
    h("div.columns", {}, panel("Looked at", facts(checked)), lines("To look at", found, foundCount, "Nothing."), lines("Mended", repaired, repairedCount, "Nothing was to be mended.")),
  ].filter(Boolean);
}

/** @param {string} title @param {any[]} items @param {number} count @param {string} empty */
function lines(title, items, count, empty) {
  return panel(title, items.length ? h("ul.lines", {}, ...items.map((item) => line([h("span.tag", {}, SUBJECTS[item.subject] ?? item.subject), item.subject === "person" ? h("a.link", { href: `#/admin/people/${item.id}` }, item.id) : h("code", {}, item.id)], item.message)))
    : h("p.muted", {}, empty), count > items.length ? h("p.muted", {}, `${formatNumber(count - items.length)} more are not shown.`) : null);
}
