// @ts-check
/** The providers: how each fares, from real traffic; and the two levers, off and draining. */
import { h, icon, setText } from "../../dom.js";
import { confirmed, toast, toastError } from "../../overlays.js";
import { ago, formatNumber, fromNow } from "../../time.js";
import { dollarsPerMillion, millis } from "./units.js";

const EVERY_MS = 4000;
const STATES = {
  idle: ["Not asked yet", ""], up: ["Up", "good"], degraded: ["Some requests fail", "warn"], down: ["Down", "warn"], off: ["Off", ""],
};
const BREAKER = { closed: "lets requests through", open: "lets none through", "half-open": "tries one request" };

/** @param {import("./ai.js").Place} place */
export function providers({ api, onEnd }) {
  const fresh = h("p.admin-fresh", { role: "status" }, "Loading");
  const chain = h("p.ai-chain", {});
  const list = h("div.ai-providers", { data: { testid: "ai-providers" } });
  const cards = /** @type {Map<string, Card>} */ (new Map());
  let timer = /** @type {any} */ (0);
  let ended = false;

  async function load() {
    clearTimeout(timer);
    if (!document.hidden) {
      try {
        const answer = await api.get("/api/admin/providers");
        if (ended) return;
        chain.replaceChildren(...order(answer.chain ?? []));
        // Those that are off come last.
        for (const one of [...answer.items].sort((a, b) => Number(a.state === "off") - Number(b.state === "off"))) {
          const card = cards.get(one.name) ?? new Card(one.name, change);
          if (!cards.has(one.name)) list.append(card.element);
          cards.set(one.name, card);
          card.show(one);
        }
        setText(fresh, `Live, every ${EVERY_MS / 1000} seconds`);
        fresh.dataset.tone = "";
      } catch (error) {
        if (ended) return;
        setText(fresh, `Not up to date: ${error.message}`);
        fresh.dataset.tone = "warn";
      }
    }
    timer = setTimeout(load, EVERY_MS);
  }

  /** @param {string} name @param {object} wanted @param {string} done */
  async function change(name, wanted, done) {
    try {
      await api.put(`/api/admin/providers/${encodeURIComponent(name)}`, wanted);
      toast({ title: done, level: "success" });
    } catch (error) {
      toastError(error, "That was refused");
    }
    load();
  }

  onEnd(() => {
    ended = true;
    clearTimeout(timer);
  });
  load();
  return [fresh, chain, list];
}

/** Who is asked, in order. @param {string[]} names */
function order(names) {
  if (!names.length) return [];
  return [h("span.muted", {}, "Characters that name no provider ask "), ...names.flatMap((name, at) => [at ? h("span.muted", {}, " then ") : "", h("b", {}, name)])];
}

/** One provider; made once, so that new numbers never take the focus away. */
class Card {
  /** @param {string} name @param {(name: string, wanted: object, done: string) => void} change */
  constructor(name, change) {
    const id = `provider-${name}`;
    this.state = h("span.tag", {});
    this.kind = h("p.muted", {});
    this.notice = h("p.notice.warn", { hidden: true, role: "status" });
    this.facts = h("dl.facts", {});
    this.models = h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": `Models of ${name}` });
    this.more = h("details.ai-models", {}, h("summary", {}, "Models"), this.models);
    this.power = h("button.button.quiet.small", { type: "button", data: { testid: "provider-power" }, onclick: () => this.#power() });
    this.drain = h("button.button.quiet.small", { type: "button", data: { testid: "provider-drain" },
      onclick: () => change(name, { draining: !this.one.draining }, this.one.draining ? `${name} is asked again` : `${name} is draining`) });
    this.change = change;
    this.element = h("section.panel.provider", { "aria-labelledby": id, data: { testid: "provider", provider: name } },
      h("header.provider-head", {}, h("h2", { id }, name), this.state), this.kind, this.notice, this.facts, this.more,
      h("footer.provider-foot", {}, this.drain, this.power));
  }

  async #power() {
    const { name, enabled } = this.one;
    const sure = !enabled || await confirmed({ title: `Switch ${name} off?`, body: "Replies that it is giving are finished; new ones go to the next in the chain.", action: "Switch off" });
    if (sure) this.change(name, { enabled: !enabled }, enabled ? `${name} is off` : `${name} is on`);
  }

  /** @param {any} one */
  show(one) {
    this.one = one;
    const [text, tone] = STATES[/** @type {keyof typeof STATES} */ (one.enabled === false ? "off" : one.state)] ?? [one.state, ""];
    setText(this.state, one.draining && one.enabled ? "Draining" : text);
    this.state.dataset.tone = one.draining ? "warn" : tone;
    this.element.dataset.state = one.state;
    setText(this.kind, one.kind === "offline" ? "The built-in voice: rules, no language model." : one.default ? "The default provider." : "An OpenAI-compatible API.");
    const notice = this.#trouble(one);
    this.notice.hidden = !notice;
    if (notice && this.notice.textContent !== notice) this.notice.replaceChildren(icon("warning"), h("span", {}, notice));
    const { concurrency = {}, latency = {}, requests = {}, breaker = {}, errors = [], models = [], lastError } = one;
    const failed = requests.total ? ` (${formatNumber((requests.failed / requests.total) * 100)} %)` : "";
    const rows = /** @type {[string, string][]} */ ([
      ["Under way", `${formatNumber(concurrency.running ?? 0)}${concurrency.limit ? ` of ${formatNumber(concurrency.limit)}` : ""}${concurrency.waiting ? `, ${formatNumber(concurrency.waiting)} wait` : ""}${concurrency.aside ? `; ${formatNumber(concurrency.aside)} beside replies` : ""}`],
      ["First word, median", latency.samples ? millis(latency.firstTokenP50Ms) : "–"],
      ["First word, slowest 5 %", latency.samples ? millis(latency.firstTokenP95Ms) : "–"],
      ["Requests", formatNumber(requests.total ?? 0)],
      ["Failed", `${formatNumber(requests.failed ?? 0)}${failed}`],
      ["Breaker", `${breaker.state ?? "closed"}: ${BREAKER[/** @type {keyof typeof BREAKER} */ (breaker.state)] ?? ""}`],
      ...errors.map((/** @type {any} */ error) => /** @type {[string, string]} */ ([`Errors: ${error.kind}`, formatNumber(error.count)])),
      ...(lastError ? [/** @type {[string, string]} */ (["Latest error", `${ago(lastError.at)}: ${lastError.detail || lastError.kind}`])] : []),
    ]);
    this.facts.replaceChildren(...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    this.more.hidden = !models.length;
    const key = JSON.stringify(models);
    if (key !== this.drawn) this.models.replaceChildren(modelTable(models));
    this.drawn = key;
    setText(this.power, one.enabled ? "Switch off" : "Switch on");
    setText(this.drain, one.draining ? "Ask it again" : "Drain");
    this.drain.hidden = !one.enabled;
    for (const button of [this.power, this.drain]) button.setAttribute("aria-label", `${button.textContent}: ${one.name}`);
  }

  /** What keeps requests from it. @param {any} one */
  #trouble(one) {
    if (one.pausedUntil) return `It asked to be left alone; it is asked again ${fromNow(one.pausedUntil)}.`;
    const silent = (one.models ?? []).find((/** @type {any} */ model) => model.breaker);
    if (one.breaker?.state === "open") return `${formatNumber(one.breaker.failures ?? 0)} failures in a row: it is left alone${one.breaker.until ? ` and tried again ${fromNow(one.breaker.until)}` : ""}.`;
    if (silent) return `${silent.name} (${silent.capabilities.join(", ")}) fails: ${formatNumber(silent.breaker.failures)} in a row${silent.breaker.until ? `, it is tried again ${fromNow(silent.breaker.until)}` : ""}.`;
    return "";
  }
}

/** @param {any[]} models */
function modelTable(models) {
  const price = (/** @type {any} */ value) => (value === undefined || value === null ? "–" : dollarsPerMillion(value));
  return h("table", {}, h("thead", {}, h("tr", {}, ...["Model", "Context", "In", "Cached", "Out", "Can"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...models.map((model) => h("tr", {}, h("th", { scope: "row" }, model.name), h("td", { data: { number: "true" } }, model.contextTokens ? formatNumber(model.contextTokens) : "–"),
      ...["input", "cachedInput", "output"].map((key) => h("td", { data: { number: "true" } }, price(model.price?.[key]))), h("td", {}, (model.capabilities ?? []).join(", "))))));
}
