// @ts-check
/** The plans: what one has, what there is, and the way to another. Addresses: `#/plans`, and `#/plans/left` from a checkout that was left. */
import { h, icon } from "../dom.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { money } from "../money.js";
import { momentIn } from "../time.js";
import { planCard } from "./card.js";
import { standingPanel } from "./standing.js";
import { isLive, planName, priceWords, termWords } from "./words.js";

export class PlansView {
  title = "Plans";
  #stamp = 0;
  #stops = /** @type {(() => void)[]} */ ([]);

  /** @param {any} context see app.js @param {string} [come] `left`: back from a checkout without having paid */
  constructor({ api, state, menuButton }, come) {
    this.api = api;
    this.state = state;
    this.standing = /** @type {any} */ (null);
    this.plans = /** @type {any[]} */ ([]);
    this.subscriptions = /** @type {any[]} */ ([]);
    this.open = false;
    this.test = false;
    this.notice = h("div.admin-body", { role: "status" });
    this.mine = h("div", {});
    this.cards = h("div.plans", { data: { testid: "plans" } }, h("p.muted", {}, "Loading"));
    this.element = h("section.page", { "aria-labelledby": "plans-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "plans-title" }, "Plans"),
        h("p.lead", {}, "How much may be said, who answers, and what it costs."))),
      h("div.admin-body", {}, come === "left" ? h("p.notice", { data: { testid: "checkout-left" } }, icon("info"), "You left the payment page. Nothing was bought, and nothing is charged.") : null,
        this.notice, this.mine, this.cards));
    this.#stops.push(state.on("billing", () => this.load()));
    this.load();
  }

  get zone() { return this.state.user?.timeZone; }
  /** The one that a change is about. */
  get subscription() { return [this.standing?.subscription, ...this.subscriptions].find((one) => one && isLive(one)) ?? null; }

  /** Each part stands alone: what cannot be read hides no other. */
  async load() {
    const stamp = ++this.#stamp;
    const paths = ["/api/subscription/plans", "/api/payments/config", "/api/payments/subscription/status", "/api/subscriptions"];
    const answers = await Promise.allSettled(paths.map((path) => this.api.get(path)));
    if (stamp !== this.#stamp) return;
    const [plans, config, standing, subscriptions] = answers.map((answer) => (answer.status === "fulfilled" ? answer.value : null));
    this.plans = plans?.items ?? config?.plans ?? [];
    if (!this.plans.length && answers[0].status === "rejected") toastError(answers[0].reason, "The plans could not be loaded");
    this.open = config?.enabled ?? false;
    this.test = Boolean(config?.testMode);
    this.standing = standing;
    this.subscriptions = subscriptions?.items ?? (standing?.subscription ? [standing.subscription] : []);
    this.#draw(config !== null);
    if (standing?.plan && standing.plan.name !== this.state.user?.plan) this.state.loadUser().catch(() => {});
  }

  /** @param {boolean} known whether it is known if anything can be bought */
  #draw(known) {
    const focused = /** @type {any} */ (document.activeElement)?.closest?.("[data-testid=plan]")?.dataset.plan;
    this.notice.replaceChildren(...this.#notices(known));
    this.mine.replaceChildren(standingPanel(this) ?? "");
    const desk = { api: this.api, plans: this.plans, standing: this.standing, subscription: this.subscription, open: this.open,
      change: (/** @type {any} */ plan) => this.change(plan), reactivate: (/** @type {any} */ one) => this.reactivate(one) };
    this.cards.replaceChildren(...this.plans.map((plan) => planCard(plan, desk)));
    if (focused) /** @type {any} */ (this.cards.querySelector(`[data-plan="${CSS.escape(focused)}"] button`))?.focus({ preventScroll: true });
  }

  /** @param {boolean} known */
  #notices(known) {
    if (!known) return [h("p.notice.warn", {}, icon("warning"), "Whether anything can be bought now could not be asked. Please come back in a moment.")];
    if (!this.open) return [h("p.notice", { data: { testid: "payments-off" } }, icon("info"), "This server takes no payments, so nothing can be bought here. These are its plans.")];
    return this.test ? [h("p.notice.warn", { data: { testid: "payments-test" } }, icon("info"), "Payments are being tried out: no real money moves.")] : [];
  }

  /** Draws what has become of it, and goes on from there: the button that was pressed is gone. */
  async again() {
    await this.load();
    if (document.activeElement === document.body) /** @type {any} */ (this.mine.querySelector("h2"))?.focus({ preventScroll: true });
  }

  /** From one subscription to another. @param {any} plan */
  async change(plan) {
    const running = this.subscription;
    const before = this.plans.find(({ name }) => name === running.plan);
    const dearer = !before || plan.priceCents >= before.priceCents;
    const words = dearer
      ? `What ${planName(running.plan)} has left over is taken off the price, and the rest is charged now. ${planName(plan.name)} holds as soon as it is paid.`
      : `${planName(plan.name)} holds at once, and its limits with it. What ${planName(running.plan)} has left over is taken off your next payments.`;
    const yes = await confirmed({ title: `Change to ${planName(plan.name)}?`, action: dearer ? "Change and pay" : "Change", keep: `Keep ${planName(running.plan)}`, look: "primary",
      body: `${words} From then on you pay ${priceWords(plan)}${before ? ` instead of ${money(before.priceCents, before.currency)} ${termWords(before)}` : ""}.` });
    if (!yes) return;
    const { paymentRequired } = await this.api.put(`/api/subscriptions/${encodeURIComponent(running.id)}`, { plan: plan.name });
    toast(paymentRequired ? { title: "Your bank wants to see that it is you", body: "Please confirm the payment under “Cards and invoices”.", level: "critical" }
      : { title: `You are changing to ${planName(plan.name)}`, level: "success" });
    await this.state.loadUser().catch(() => {});
    await this.again();
  }

  /** @param {any} one */
  async reactivate(one) {
    const price = money(one.priceCents ?? 0, one.currency);
    const yes = await confirmed({ title: `Keep ${planName(one.plan)}?`, action: "Keep it", keep: "Let it end", look: "primary",
      body: `Nothing is charged now. It renews on ${momentIn(one.currentPeriodEnd, this.zone)}${one.priceCents ? ` for ${price}` : ""}, and goes on until you cancel.` });
    if (!yes) return;
    await this.api.post(`/api/subscriptions/${encodeURIComponent(one.id)}/reactivate`);
    toast({ title: `${planName(one.plan)} goes on`, level: "success" });
    await this.again();
  }

  destroy() {
    this.#stamp += 1;
    for (const stop of this.#stops) stop();
  }
}
