// @ts-check
/** What one has: the plan and until when, the subscription behind it, credits; and to cancel it or take it up again. */
import { h, icon } from "../dom.js";
import { money } from "../money.js";
import { confirmed, toast } from "../overlays.js";
import { formatNumber, momentIn } from "../time.js";
import { busily, openPortal } from "./checkout.js";
import { isLive, planName, subscriptionState, termWords } from "./words.js";

/** @typedef {import("./plans.js").PlansView} PlansView */

/** @param {PlansView} view */
export function standingPanel(view) {
  const { standing, open, zone } = view;
  if (!standing) return null;
  const at = (/** @type {string} */ moment) => momentIn(moment, zone);
  const portal = h("button.button.quiet", { type: "button", data: { testid: "portal" }, onclick: () => busily(portal, () => openPortal(view.api), "The billing page did not open") }, "Cards and invoices", icon("out"));
  const subscriptions = view.subscriptions.filter(isLive);
  return h("section.panel.standing", { "aria-labelledby": "standing-title", data: { testid: "standing", plan: standing.plan?.name, source: standing.source } },
    h("header.plan-head", {}, h("h2", { id: "standing-title", tabindex: "-1" }, `You have ${planName(standing.plan?.name)}`), ...from(standing)),
    h("p", { data: { testid: "standing-words" } }, until(standing, at)),
    ...subscriptions.map((one) => subscriptionPart(view, one, at)),
    creditWords(standing.credits, at),
    h("div.line-actions", {}, open ? portal : null, h("a.button.quiet", { href: "#/account/payments", data: { testid: "payments-link" } }, "Your payments"),
      h("a.button.quiet", { href: "#/account/usage" }, "What is used")));
}

/** @param {any} standing */
function from({ source }) {
  const words = /** @type {Record<string, string>} */ ({ payment: "Bought", subscription: "Subscription", grant: "Given to you" });
  return words[source] ? [h("span.tag", {}, words[source])] : [];
}

/** @param {any} standing @param {(moment: string) => string} at */
function until({ planUntil, planAfter, graceUntil, source, subscription }, at) {
  const then = planAfter ? ` Then you have ${planName(planAfter)}.` : "";
  if (source === "subscription" && graceUntil && subscription?.status === "past_due") return `The payment failed. You keep it until ${at(graceUntil)}, so that there is time to pay.${then}`;
  if (source === "subscription" && subscription && !subscription.cancelAtPeriodEnd) return "It goes on as long as the subscription is paid.";
  return planUntil ? `It holds until ${at(planUntil)}.${then}` : "It has no end.";
}

/** @param {any} credits @param {(moment: string) => string} at */
function creditWords(credits, at) {
  if (!credits) return null;
  const ending = credits.plan && credits.planEndsAt ? `; ${formatNumber(credits.plan)} of them end on ${at(credits.planEndsAt)}` : "";
  return h("p", {}, `${formatNumber(credits.available ?? 0)} credits to spend${ending}. `, h("a.link", { href: "#/account/credits", data: { testid: "credits-link" } }, "Credits"));
}

/** @param {PlansView} view @param {any} one @param {(moment: string) => string} at */
function subscriptionPart(view, one, at) {
  const [words, tone] = subscriptionState(one);
  const plan = view.plans.find(({ name }) => name === one.plan);
  const price = money(one.priceCents ?? plan?.priceCents ?? 0, one.currency ?? plan?.currency);
  const end = at(one.currentPeriodEnd);
  const sentence = one.cancelAtPeriodEnd ? `It ends on ${end}. Nothing more is charged.`
    : one.status === "past_due" || one.status === "unpaid" ? `${price} could not be charged. Please see to the card under “Cards and invoices”.`
      : one.status === "incomplete" ? `The first payment of ${price} is not finished. Finish it under “Cards and invoices”.`
        : `It renews on ${end} for ${price}.`;
  const button = one.cancelAtPeriodEnd
    ? h("button.button.primary.small", { type: "button", data: { testid: "reactivate" }, onclick: () => busily(button, () => view.reactivate(one), "It was not taken up again") }, "Keep it after all")
    : h("button.button.quiet.small", { type: "button", data: { testid: "cancel" }, onclick: () => busily(button, () => cancel(view, one, end), "It was not cancelled") }, "Cancel the subscription");
  return h("div.subscription", { data: { testid: "subscription", status: one.status, ending: String(one.cancelAtPeriodEnd) } },
    h("div.line-words", {}, h("p.line-head", {}, `${planName(one.plan)}, ${price} ${plan ? termWords(plan) : ""}`.trim(), h("span.tag", { data: { tone } }, words)), h("p.line-detail", {}, sentence)), button);
}

/** @param {PlansView} view @param {any} one @param {string} end */
async function cancel(view, one, end) {
  const after = view.standing?.planAfter ? planName(view.standing.planAfter) : "the plan that you had before";
  const credits = view.standing?.credits?.plan ? " Its credits that are not spent by then end with it; those you bought stay." : "";
  const paid = one.status === "active" || one.status === "trialing";
  const yes = await confirmed({ title: `Cancel ${planName(one.plan)}?`, action: "Cancel the subscription", keep: "Keep it",
    body: paid ? `You keep it until ${end}, which is paid already. Then you have ${after}, and nothing more is charged.${credits} Until that day you can change your mind.`
      : `It is not paid: it holds only while there is time for that. Then you have ${after}, and nothing more is charged.${credits}` });
  if (!yes) return;
  await view.api.post(`/api/subscriptions/${encodeURIComponent(one.id)}/cancel`);
  toast({ title: "Cancelled", body: paid ? `You keep ${planName(one.plan)} until ${end}.` : undefined, level: "success" });
  await view.again();
}
