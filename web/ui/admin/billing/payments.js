// @ts-check
/** Everybody's payments, the latest first: all of them, or one person's (`#/admin/billing/of/<user>`). */
import { paymentLine } from "../../account/payments.js";
import { pages, panel } from "../../account/parts.js";
import { h } from "../../dom.js";

/** @type {[string, string][]} */
const STATUSES = [["", "All"], ["succeeded", "Paid"], ["pending", "Under way"], ["failed", "Failed"], ["canceled", "Not made"]];
const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/i;

/** @param {import("./billing.js").Place} place */
export function payments({ api, more }) {
  const user = UUID.test(more) ? more : "";
  const status = h("select", { id: "payments-status", "aria-label": "Status", data: { testid: "payments-status" }, onchange: () => find() }, ...STATUSES.map(([value, text]) => h("option", { value }, text)));
  const list = h("div.account-body", {});

  function find() {
    const query = new URLSearchParams({ limit: "30" });
    if (user) query.set("userId", user);
    if (status.value) query.set("status", status.value);
    const whose = (/** @type {any} */ payment) => h("a.link", { href: `#/admin/people/${payment.userId}` }, payment.username ? `@${payment.username}` : "somebody who is gone");
    list.replaceChildren(...pages(api, `/api/admin/payments?${query}`, (payment) => {
      const item = paymentLine(payment, undefined, whose(payment));
      const ids = [payment.intentId, payment.invoiceId].filter(Boolean);
      if (ids.length) item.querySelector(".line-words").append(h("p.line-detail", {}, ...ids.flatMap((id, at) => [at ? " · " : "", h("code", {}, id)])));
      return item;
    }, { empty: "No payment fits.", testid: "admin-payments" }));
  }

  find();
  return [h("div.filters", {}, status, user ? h("a.button.quiet", { href: "#/admin/billing", data: { testid: "payments-all" } }, "Of one person: show everybody's") : null), panel("Payments", list)];
}
