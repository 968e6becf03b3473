// @ts-check
/** Credits: what there is and until when, more of them for money, and where they came from and went. */
import { h } from "../dom.js";
import { field, form } from "../form.js";
import { money } from "../money.js";
import { toastError } from "../overlays.js";
import { checkOut } from "../plans/checkout.js";
import { formatNumber, momentIn } from "../time.js";
import { line, pages, panel } from "./parts.js";

/** @type {Record<string, string>} */
const KINDS = {
  plan: "Credits of your plan", grant: "Given to you", purchase: "Bought", revoke: "Taken back", hold: "Set aside for something under way",
  settle: "Spent", release: "Given back", expire: "Ended with the period",
};
/** What is offered at a touch. */
const PACKS = [50, 100, 500];

/** @param {import("./account.js").Place} place */
export function credits({ api, state, redraw, onEnd }) {
  const at = (/** @type {string} */ moment) => momentIn(moment, state.user.timeZone);
  const tiles = h("div.tiles", { data: { testid: "credits" } });
  const shop = h("div", {});
  api.get("/api/credits").then((/** @type {any} */ balance) => {
    const tile = (/** @type {number} */ value, /** @type {string} */ name) => h("div.tile", {}, h("b", {}, formatNumber(value)), h("span", {}, name));
    tiles.replaceChildren(tile(balance.available, "To spend"), tile(balance.own, "Of them to keep"),
      tile(balance.plan, balance.planEndsAt ? `Of your plan, until ${at(balance.planEndsAt)}` : "Of your plan"), tile(balance.held, "Set aside"));
  }).catch((/** @type {any} */ error) => toastError(error, "Your credits could not be loaded"));
  api.get("/api/payments/config").then((/** @type {any} */ config) => {
    if (config.enabled && config.credits) shop.replaceChildren(buy(api, config));
    else shop.replaceChildren(panel("More credits", h("p.muted", {}, "This server takes no payments, so none can be bought. Plans may come with some.")));
  }).catch(() => {});
  const draw = (/** @type {any} */ transfer) => {
    const { kind, change } = transfer;
    // What is spent was set aside before: it changes nothing of what can be spent.
    const moved = change > 0 ? `+${formatNumber(change)}` : change < 0 ? formatNumber(change) : `${formatNumber(transfer.amount)} of what was set aside`;
    return line([KINDS[kind] ?? kind, h("span.tag", { data: { tone: change > 0 ? "good" : "" } }, moved)],
      [at(transfer.createdAt), transfer.reason].filter(Boolean).join(" · "));
  };
  const history = panel("History", ...pages(api, "/api/credits/transactions?limit=30", draw, { empty: "No credits have come or gone yet.", testid: "credit-history" }));
  onEnd(state.on("billing", redraw));
  return [tiles, h("p.muted", {}, "What a plan brings is spent first and ends with it; what you bought or were given stays."), shop, history];
}

/** The price stands there before anything is pressed. @param {import("../../api.js").Api} api @param {any} config */
function buy(api, { currency, credits: { priceCents, min, max } }) {
  const count = field("credits-count", "How many", { type: "number", min: String(min), max: String(max), step: "1", value: String(Math.max(min, Math.min(max, 100))), inputMode: "numeric" },
    { key: "credits", hint: `${formatNumber(min)} to ${formatNumber(max)} at once, ${money(priceCents, currency)} each. They stay until you spend them.` });
  const total = h("output", { for: "credits-count", data: { testid: "credits-price" } });
  const say = () => {
    const wanted = Number(count.value());
    const right = count.input.checkValidity() && wanted > 0;
    total.textContent = right ? `${formatNumber(wanted)} credits for ${money(wanted * priceCents, currency)}` : "";
    shop.button.textContent = right ? `Pay ${money(wanted * priceCents, currency)}` : "Pay";
  };
  count.input.addEventListener("input", say);
  const packs = PACKS.filter((pack) => pack >= min && pack <= max).map((pack) => h("button.button.quiet.small", { type: "button", onclick: () => {
    count.input.value = String(pack);
    count.setProblem("");
    say();
  } }, `${formatNumber(pack)} for ${money(pack * priceCents, currency)}`));
  const shop = form({ id: "credits-buy", fields: [count], submit: "Pay", extra: [h("div.line-actions", { role: "group", "aria-label": "How many" }, ...packs), h("p.credits-price", { "aria-live": "polite" }, total)],
    send: (values) => checkOut(api, { credits: Number(values.credits) }, "#/account/credits") });
  say();
  return panel("More credits", shop.element);
}
