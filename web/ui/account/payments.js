// @ts-check
/** What was paid, and the way to cards and invoices. */
import { h, icon } from "../dom.js";
import { money } from "../money.js";
import { busily, openPortal } from "../plans/checkout.js";
import { paymentFor, paymentState } from "../plans/words.js";
import { longDate, momentIn } from "../time.js";
import { line, pages, panel } from "./parts.js";

/** @param {import("./account.js").Place} place */
export function payments({ api, state, redraw, onEnd }) {
  const portal = h("button.button.quiet", { type: "button", hidden: true, data: { testid: "portal" }, onclick: () => busily(portal, () => openPortal(api), "The billing page did not open") }, "Cards and invoices", icon("out"));
  const off = h("p.muted", { hidden: true }, "This server takes no payments now.");
  api.get("/api/payments/config").then(({ enabled }) => {
    portal.hidden = !enabled;
    off.hidden = enabled;
  }).catch(() => {});
  const draw = (/** @type {any} */ payment) => paymentLine(payment, state.user.timeZone);
  onEnd(state.on("billing", redraw));
  return [panel("Payments", ...pages(api, "/api/payments/history?limit=20", draw, { empty: "You have paid nothing so far.", testid: "payment-history" }),
    off, h("div.line-actions", {}, portal, h("a.button.quiet", { href: "#/plans" }, "Plans")))];
}

/** @param {any} payment @param {string} [zone] @param {any} [who] whose, for those who see others' payments */
export function paymentLine(payment, zone, who) {
  const [words, tone] = paymentState(payment);
  const back = payment.refundedCents > 0 ? `${money(payment.refundedCents, payment.currency)} given back` : "";
  const period = payment.periodStart && payment.periodEnd ? `for ${longDate(payment.periodStart)} to ${longDate(payment.periodEnd)}` : "";
  const item = line([h("span", {}, paymentFor(payment)), h("b.amount", {}, money(payment.amountCents, payment.currency)), h("span.tag", { data: { tone } }, words)],
    [...(who ? [who, " · "] : []), [momentIn(payment.paidAt ?? payment.createdAt, zone), period, back, payment.failure].filter(Boolean).join(" · ")]);
  item.dataset.testid = "payment";
  item.dataset.status = payment.status;
  return item;
}
