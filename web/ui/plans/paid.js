// @ts-check
/**
 * Back from Stripe: `#/plans/paid/<session>`. What was paid is there as soon as Stripe's word has come, mostly at once; so it is
 * asked for some times, and then left to come by itself.
 */
import { h, icon, setText } from "../dom.js";
import { formatNumber, momentIn } from "../time.js";
import { planName } from "./words.js";

/** Waits between the questions: a minute and a half in all. */
const WAITS_MS = [0, 1000, 1000, 2000, 2000, 3000, 3000, 4000, 4000, 5000, 5000, 10000, 10000, 20000, 20000];

export class PaidView {
  title = "Your payment";
  #ended = false;
  #timer = /** @type {any} */ (0);

  /** @param {any} context see app.js @param {string} [session] of Stripe's */
  constructor({ api, state, menuButton }, session = "") {
    this.api = api;
    this.state = state;
    this.session = session || new URLSearchParams(location.search).get("session_id") || "";
    this.heading = h("h1", { id: "paid-title", tabindex: "-1" }, "Your payment");
    this.words = h("p.lead", {}, "We ask how it went.");
    this.mark = h("span.paid-mark", {}, h("span.spinner", { "aria-hidden": "true" }));
    this.more = h("p.muted", {});
    const ways = h("div.line-actions", {}, h("a.button.primary", { href: "#/plans", data: { testid: "paid-plans" } }, "Your plan"), h("a.button.quiet", { href: "#/account/credits" }, "Your credits"),
      h("a.button.quiet", { href: "#/" }, "To the characters"));
    this.panel = h("div.panel.paid", { role: "status", data: { testid: "paid", status: "asking" } }, this.mark, this.words, this.more);
    this.element = h("section.page", { "aria-labelledby": "paid-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, this.heading)),
      h("div.admin-body", {}, this.panel, ways));
    if (this.session) this.#ask(0);
    else this.#end("unknown", "There is no payment to look at", "This address is not whole. What you paid is among your payments.");
  }

  /** @param {number} tries */
  #ask(tries) {
    this.#timer = setTimeout(async () => {
      let answer = /** @type {any} */ (null);
      try {
        answer = await this.api.post("/api/payments/verify-success", { sessionId: this.session });
      } catch (error) {
        const lasting = error.status >= 400 && error.status < 500 && error.status !== 429;
        if (this.#ended) return;
        if (lasting) return this.#end("unknown", "This payment is not known", "It may be another account's. What you paid is among your payments.");
      }
      if (this.#ended) return;
      if (answer?.status === "paid") return this.#paid(answer);
      if (answer?.status === "expired") return this.#end("expired", "Nothing was bought", "This payment page is over. Nothing is charged.");
      if (tries + 1 < WAITS_MS.length) {
        if (tries > 3) setText(this.more, answer ? "Your bank takes its time. You need not wait here." : "The server cannot be asked right now. This page tries again.");
        return this.#ask(tries + 1);
      }
      const open = answer?.status === "open";
      this.#end(open ? "open" : "pending", open ? "It is not paid yet" : "The payment is under way",
        open ? "The payment page was not finished. Nothing is charged until it is." : "Some ways to pay take days. What you bought comes by itself as soon as it is paid, and you are told.");
    }, WAITS_MS[tries]);
  }

  /** @param {any} answer */
  #paid({ kind, plan, credits, standing }) {
    const at = (/** @type {string} */ moment) => momentIn(moment, this.state.user?.timeZone);
    const held = standing?.plan?.name;
    if (kind === "credits") {
      const all = standing?.credits?.available;
      this.#end("paid", "Thank you", `${formatNumber(credits ?? 0)} credits are yours${all === undefined ? "" : `; ${formatNumber(all)} can be spent now`}.`);
    } else {
      const until = standing?.subscription && kind === "subscription" ? ` It renews on ${at(standing.subscription.currentPeriodEnd)}.` : held === plan && standing?.planUntil ? ` It holds until ${at(standing.planUntil)}.` : "";
      const beside = held && held !== plan ? ` For now you have ${planName(held)}, which is the greater one.` : "";
      const spend = standing?.credits?.available ? ` ${formatNumber(standing.credits.available)} credits can be spent.` : "";
      this.#end("paid", "Thank you", `${planName(plan ?? held)} is yours.${until}${beside}${spend}`);
    }
    this.state.loadUser().catch(() => {});
  }

  /** @param {string} status @param {string} title @param {string} words */
  #end(status, title, words) {
    this.panel.dataset.status = status;
    this.mark.replaceChildren(icon(status === "paid" ? "check" : status === "pending" ? "clock" : "info"));
    setText(this.heading, title);
    setText(this.words, words);
    setText(this.more, "");
  }

  destroy() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }
}
