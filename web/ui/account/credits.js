// @ts-check
/** Credits: what there is, and where it came from and went. */
import { h } from "../dom.js";
import { toastError } from "../overlays.js";
import { formatNumber, fullMoment } from "../time.js";
import { line, pages, panel } from "./parts.js";

/** @type {Record<string, string>} */
const KINDS = {
  plan: "Credits of your plan", grant: "Given to you", purchase: "Bought", revoke: "Taken back", hold: "Set aside for something under way",
  settle: "Spent", release: "Given back", expire: "Ended with the period",
};

/** @param {import("./account.js").Place} place */
export function credits({ api }) {
  const tiles = h("div.tiles", { data: { testid: "credits" } });
  api.get("/api/credits").then((/** @type {any} */ balance) => {
    const tile = (/** @type {number} */ value, /** @type {string} */ name) => h("div.tile", {}, h("b", {}, formatNumber(value)), h("span", {}, name));
    tiles.replaceChildren(tile(balance.available, "To spend"), tile(balance.own, "Of them to keep"),
      tile(balance.plan, balance.planEndsAt ? `Of your plan, until ${fullMoment(balance.planEndsAt)}` : "Of your plan"), tile(balance.held, "Set aside"));
  }).catch((/** @type {any} */ error) => toastError(error, "Your credits could not be loaded"));
  const draw = (/** @type {any} */ transfer) => {
    const { kind, change } = transfer;
    // What is spent was set aside before: it changes nothing of what can be spent.
    const moved = change > 0 ? `+${formatNumber(change)}` : change < 0 ? formatNumber(change) : `${formatNumber(transfer.amount)} of what was set aside`;
    return line([KINDS[kind] ?? kind, h("span.tag", { data: { tone: change > 0 ? "good" : "" } }, moved)],
      [fullMoment(transfer.createdAt), transfer.reason].filter(Boolean).join(" · "));
  };
  return [tiles, panel("History", ...pages(api, "/api/credits/transactions?limit=30", draw, { empty: "No credits have come or gone yet.", testid: "credit-history" }))];
}
