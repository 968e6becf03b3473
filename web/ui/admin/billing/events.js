// @ts-check
/** What Stripe told: each event with its state and what it said, to be handled again by hand; and whether the way from there is open. */
import { pages, panel } from "../../account/parts.js";
import { h, setText } from "../../dom.js";
import { confirmed, toast } from "../../overlays.js";
import { busily } from "../../plans/checkout.js";
import { ago, formatNumber, fullMoment } from "../../time.js";
import { millis } from "../ai/units.js";

const STATES = /** @type {Record<string, [string, string]>} */ ({
  done: ["Handled", "good"], ignored: ["Without effect", ""], waiting: ["Tried again soon", "warn"], failed: ["Failed", "warn"],
});
const FILTER = /** @type {[string, string][]} */ ([["", "All states"], ["waiting", "Tried again soon"], ["failed", "Failed"], ["done", "Handled"], ["ignored", "Without effect"]]);
const TYPES = ["checkout.session.completed", "checkout.session.expired", "payment_intent.succeeded", "payment_intent.payment_failed", "customer.subscription.created", "customer.subscription.updated",
  "customer.subscription.deleted", "invoice.payment_succeeded", "invoice.payment_failed", "charge.refunded", "charge.dispute.created", "charge.dispute.closed"];
const STEPS = /** @type {Record<string, string>} */ ({
  settings: "The settings are there", stripe: "Stripe takes our key", signed: "A signed event is taken", kept: "It is kept", repeated: "The same once more does nothing", forged: "A forged one is refused",
});
const EVERY_MS = 5000;

/** @param {import("./billing.js").Place} place */
export function events({ api, onEnd }) {
  const state = h("select", { id: "events-state", "aria-label": "State", data: { testid: "events-state" }, onchange: () => find() }, ...FILTER.map(([value, text]) => h("option", { value }, text)));
  const type = h("select", { id: "events-type", "aria-label": "Type", data: { testid: "events-type" }, onchange: () => find() }, h("option", { value: "" }, "All types"), ...TYPES.map((value) => h("option", { value }, value)));
  const list = h("div.account-body", {});

  function find() {
    const query = new URLSearchParams({ limit: "30" });
    if (state.value) query.set("state", state.value);
    if (type.value) query.set("type", type.value);
    list.replaceChildren(...pages(api, `/api/admin/stripe-events?${query}`, (event) => new Item(api, event).element, { empty: "No event fits.", testid: "stripe-events" }));
  }

  find();
  return [webhook(api, onEnd, find), h("div.filters", {}, state, type, h("button.button.quiet", { type: "button", data: { testid: "events-refresh" }, onclick: () => find() }, "Look again")), panel("Events", list)];
}

/** One event; what it said is asked for when somebody wants to see it. */
class Item {
  /** @param {import("../../../api.js").Api} api @param {any} event */
  constructor(api, event) {
    this.api = api;
    this.state = h("span.tag", {});
    this.detail = h("p.line-detail", {});
    this.payload = h("pre.payload", { tabindex: "0", role: "region", "aria-label": `Payload of ${event.id}`, data: { testid: "event-payload" } }, "Loading");
    this.more = h("details.event-more", { ontoggle: () => this.more.open && this.#read() }, h("summary", { data: { testid: "event-open" } }, "What it said"), this.payload);
    this.replay = h("button.button.quiet.small", { type: "button", "aria-label": `Handle again: ${event.type} ${event.id}`, data: { testid: "event-replay" }, onclick: () => busily(this.replay, () => this.#replay(), "It could not be handled") }, "Handle again");
    this.element = h("li.line", { data: { testid: "stripe-event", event: event.id } }, h("div.line-words", {}, h("p.line-head", {}, event.type, this.state), this.detail), h("div.line-actions", {}, this.replay), this.more);
    this.#show(event);
  }

  /** @param {any} event */
  #show(event) {
    this.event = event;
    const [words, tone] = STATES[event.state] ?? [event.state, ""];
    setText(this.state, words);
    this.state.dataset.tone = tone;
    this.element.dataset.state = event.state;
    const tries = event.tries > 1 ? `${formatNumber(event.tries)} tries` : "";
    this.detail.replaceChildren([fullMoment(event.receivedAt ?? event.createdAt), event.objectId, event.id, tries].filter(Boolean).join(" · "), ...(event.error ? [h("span", { class: event.state === "ignored" ? null : "event-error" }, ` · ${event.error}`)] : []));
  }

  async #read() {
    if (this.read) return;
    try {
      const { payload } = await this.api.get(`/api/admin/stripe-events/${encodeURIComponent(this.event.id)}`);
      setText(this.payload, JSON.stringify(payload, null, 2));
      this.read = true;
    } catch (error) {
      setText(this.payload, error.message);
    }
  }

  async #replay() {
    const yes = await confirmed({ title: "Handle this event again?", action: "Handle again", look: "primary",
      body: "Stripe is asked how things stand now, and that is written. What it did already is not done twice." });
    if (!yes) return;
    const event = await this.api.post(`/api/admin/stripe-events/${encodeURIComponent(this.event.id)}/replay`);
    this.#show({ ...this.event, ...event });
    const [words] = STATES[event?.state] ?? ["Done"];
    toast({ title: words, body: event?.error ?? undefined, level: event?.state === "failed" || event?.state === "waiting" ? "warning" : "success" });
  }
}

/** @param {import("../../../api.js").Api} api @param {(stop: () => void) => void} onEnd @param {() => void} tried */
function webhook(api, onEnd, tried) {
  const words = /** @type {Record<string, [string, string]>} */ ({ up: ["Up", "good"], down: ["Down", "warn"], off: ["Off: no key of Stripe is set", ""] });
  const state = h("span.tag", {}, "Asking");
  const rows = h("dl.facts", {});
  const steps = h("ol.lines", { hidden: true, "aria-label": "Steps of the test", data: { testid: "webhook-steps" } });
  const test = h("button.button.quiet.small", { type: "button", data: { testid: "webhook-test" }, onclick: () => busily(test, run, "The test could not be made") }, "Test the webhook");
  let timer = /** @type {any} */ (0);
  let ended = false;

  async function look() {
    clearTimeout(timer);
    try {
      // It answers 503 where it is down, and says so.
      const health = document.hidden ? null : await api.get("/api/webhook/health").catch((error) => {
        if (!error.answer?.status) throw error;
        return error.answer;
      });
      if (ended) return;
      if (health) show(health);
    } catch (error) {
      if (ended) return;
      setText(state, "Not known");
      state.dataset.tone = "warn";
    }
    timer = setTimeout(look, EVERY_MS);
  }

  function show(/** @type {any} */ { status, lastEventAt, waiting, failed, oldestWaitingAt }) {
    const [text, tone] = words[status] ?? [status, ""];
    setText(state, text);
    state.dataset.tone = tone;
    const facts = /** @type {[string, string][]} */ ([["Latest event", lastEventAt ? ago(lastEventAt) : "None so far"], ["Tried again soon", formatNumber(waiting ?? 0) + (oldestWaitingAt ? `, the oldest ${ago(oldestWaitingAt)}` : "")], ["Failed", formatNumber(failed ?? 0)]]);
    rows.replaceChildren(...facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  async function run() {
    const answer = await api.post("/api/webhook/test");
    steps.hidden = false;
    steps.replaceChildren(...(answer.steps ?? []).map((/** @type {any} */ step) => h("li.line", {}, h("div.line-words", {},
      h("p.line-head", {}, STEPS[step.name] ?? step.name, h("span.tag", { data: { tone: step.ok ? "good" : "warn" } }, step.ok ? "Passed" : "Failed"), step.tookMs === undefined ? null : h("span.muted", {}, millis(step.tookMs))),
      step.detail ? h("p.line-detail", {}, step.detail) : null))));
    toast({ title: answer.ok ? "The whole way is open" : "Something on the way is not well", level: answer.ok ? "success" : "warning" });
    look();
    tried();
  }

  onEnd(() => {
    ended = true;
    clearTimeout(timer);
  });
  look();
  return h("section.panel", { "aria-labelledby": "webhook-title", data: { testid: "webhook" } }, h("header.plan-head", {}, h("h2", { id: "webhook-title" }, "Webhook"), state), rows, steps, test);
}
