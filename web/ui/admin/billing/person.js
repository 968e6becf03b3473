// @ts-check
/** What one person has, how they have it, and what they paid. */
import { paymentLine } from "../../account/payments.js";
import { line } from "../../account/parts.js";
import { h } from "../../dom.js";
import { money } from "../../money.js";
import { planName, subscriptionState } from "../../plans/words.js";
import { formatNumber, fullMoment } from "../../time.js";

const SHOWN = 5;
const SOURCES = /** @type {Record<string, string>} */ ({ base: "what they have anyway", grant: "given by an admin", payment: "bought for days", subscription: "a subscription" });

/** @param {import("../../../api.js").Api} api @param {string} id */
export function account(api, id) {
  const body = h("div.facts-group", { data: { testid: "person-billing" } }, h("p.muted", {}, "Loading"));
  api.get(`/api/admin/users/${encodeURIComponent(id)}/billing`).then((/** @type {any} */ answer) => body.replaceChildren(...drawn(id, answer)))
    .catch((/** @type {any} */ error) => body.replaceChildren(h("p.muted", {}, `It could not be loaded: ${error.message}`)));
  return body;
}

/** @param {string} id @param {any} answer */
function drawn(id, { standing = {}, payments = [], subscriptions = [], grants = [] }) {
  const { plan, source, planUntil, planAfter, graceUntil, credits = {} } = standing;
  const rows = /** @type {[string, any][]} */ ([
    ["Plan", `${planName(plan?.name)}, ${SOURCES[source] ?? source ?? "–"}`], ["Until", planUntil ? fullMoment(planUntil) : "no end"], ["Then", planAfter ? planName(planAfter) : ""],
    ["Grace until", graceUntil ? fullMoment(graceUntil) : ""], ["Credits to spend", formatNumber(credits.available ?? 0)],
    ["Of the plan", credits.plan ? `${formatNumber(credits.plan)}${credits.planEndsAt ? `, until ${fullMoment(credits.planEndsAt)}` : ""}` : ""], ["Set aside", credits.held ? formatNumber(credits.held) : ""],
  ]);
  const list = (/** @type {string} */ title, /** @type {any[]} */ items, /** @type {(item: any) => any} */ draw) => (items.length ? [h("h3", {}, title), h("ul.lines", {}, ...items.map(draw))] : []);
  return [
    h("dl.facts", {}, ...rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    ...list("Subscriptions", subscriptions, (one) => {
      const [words, tone] = subscriptionState(one);
      const end = one.endedAt ? `ended ${fullMoment(one.endedAt)}` : `${one.cancelAtPeriodEnd ? "ends" : "renews"} ${fullMoment(one.currentPeriodEnd)}`;
      return line([h("span", {}, planName(one.plan)), one.priceCents === undefined || one.priceCents === null ? "" : h("b.amount", {}, money(one.priceCents, one.currency)), h("span.tag", { data: { tone } }, words)], [h("code", {}, one.id), ` · ${end}`]);
    }),
    ...list("Given by admins", grants, (grant) => line([planName(grant.plan), grant.takenAt ? h("span.tag", { data: { tone: "warn" } }, "Taken") : ""],
      `${fullMoment(grant.startsAt)} to ${fullMoment(grant.takenAt ?? grant.endsAt)}`)),
    ...list("Payments", payments.slice(0, SHOWN), (payment) => paymentLine(payment)),
    payments.length ? h("a.link", { href: `#/admin/billing/of/${id}` }, "All their payments") : h("p.muted", {}, "They have paid nothing so far."),
  ];
}
