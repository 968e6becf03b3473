// @ts-check
/** One plan: what it costs, what it gives, and the one thing that can be done with it now. */
import { h, icon } from "../dom.js";
import { money } from "../money.js";
import { confirmed } from "../overlays.js";
import { longDate } from "../time.js";
import { busily, checkOut } from "./checkout.js";
import { isLive, isSubscription, planLines, planName, termWords } from "./words.js";

/**
 * What the cards know of the person who looks at them.
 * @typedef {{api: import("../../api.js").Api, plans: any[], standing: any, subscription: any, open: boolean,
 *   change: (plan: any) => Promise<any>, reactivate: (subscription: any) => Promise<any>}} Desk
 *   `subscription`: the one that runs, if any; `open`: whether anything can be bought
 */

/** @param {any} plan @param {Desk} desk */
export function planCard(plan, desk) {
  const id = `plan-${plan.name}`;
  const present = desk.standing?.plan?.name === plan.name;
  return h("section.panel.plan", { "aria-labelledby": id, data: { testid: "plan", plan: plan.name, present: String(present) } },
    h("header.plan-head", {}, h("h2", { id }, planName(plan.name)), present ? h("span.tag", { data: { tone: "good", testid: "plan-present" } }, "Your plan") : null),
    h("p.plan-price", {}, ...(plan.priceCents ? [h("b", {}, money(plan.priceCents, plan.currency)), h("span", {}, ` ${termWords(plan)}`)] : [h("span", {}, "Costs nothing")])),
    h("ul.plan-lines", {}, ...planLines(plan).map((text) => h("li", {}, icon("check"), h("span", {}, text)))),
    h("footer.plan-foot", {}, ...deed(plan, desk, present)));
}

/** @param {any} plan @param {Desk} desk @param {boolean} present @returns {any[]} */
function deed(plan, desk, present) {
  const note = (/** @type {string} */ text) => h("p.muted", {}, text);
  const button = (/** @type {string} */ text, /** @type {string} */ testid, /** @type {() => Promise<any>} */ run, look = "primary") => {
    const element = h(`button.button.${look}.wide`, { type: "button", data: { testid }, onclick: () => busily(element, run, "That did not work") }, text);
    return element;
  };
  const { api, standing, subscription, open } = desk;
  if (!plan.priceCents) return [note(plan.isDefault ? "What you have when no other plan holds." : "Given by whoever runs this server.")];
  if (!open) return [];                               // the page says so once, for all of them
  if (plan.buyable === false) return [note("It cannot be bought here now.")];
  const price = money(plan.priceCents, plan.currency);
  if (!isSubscription(plan)) {
    const more = present && standing.source === "payment";
    return [button(more ? `Add ${plan.days} days for ${price}` : `Buy for ${price}`, "plan-buy", async () => await sure(plan, desk) && checkOut(api, { plan: plan.name }, "#/plans/left")),
      note(more && standing.planUntil ? `They begin when those you have end, on ${longDate(standing.planUntil)}.` : "Paid once. It ends by itself.")];
  }
  const running = subscription && isLive(subscription) ? subscription : null;
  if (running?.plan === plan.name) {
    return running.cancelAtPeriodEnd ? [button("Keep it after all", "plan-reactivate", () => desk.reactivate(running)), note(`It ends on ${longDate(running.currentPeriodEnd)} otherwise.`)]
      : [note(running.status === "past_due" ? "Its last payment failed." : `You subscribe to it: it renews on ${longDate(running.currentPeriodEnd)}.`)];
  }
  if (running) return [button(`Change to ${planName(plan.name)}`, "plan-change", () => desk.change(plan), "quiet"), note(`Instead of ${planName(running.plan)}.`)];
  return [button(`Subscribe for ${price}`, "plan-subscribe", async () => await sure(plan, desk) && checkOut(api, { plan: plan.name }, "#/plans/left")), note("Renews by itself until you cancel.")];
}

/** Asks where money would be spent on what adds nothing for now. @param {any} plan @param {Desk} desk */
async function sure(plan, { plans, standing }) {
  const rank = (/** @type {string} */ name) => plans.findIndex((one) => one.name === name);
  const held = standing?.plan;
  if (!held || rank(held.name) <= rank(plan.name)) return true;
  const until = standing.planUntil ? ` until ${longDate(standing.planUntil)}` : "";
  return confirmed({ title: `Buy ${planName(plan.name)} beside ${planName(held.name)}?`, action: "Buy it all the same", keep: "Back", look: "primary",
    body: `You have ${planName(held.name)}${until}, which is the greater one. Both run at the same time: ${planName(plan.name)} would only show when that has ended.` });
}
