// @ts-check
/** What of the plan is used, and when it begins anew. It follows what is sent from any device. */
import { h } from "../dom.js";
import { planName } from "../plans/words.js";
import { level, usageBar } from "../room/usage.js";
import { momentIn } from "../time.js";
import { limitReset } from "../words.js";
import { panel } from "./parts.js";

/** @param {import("./account.js").Place} place */
export function usage({ api, state, onEnd }) {
  const words = h("p", { data: { testid: "usage-plan" } });
  const limits = h("div.account-limits", { data: { testid: "account-usage" } });
  const say = () => {
    const { plan, planUntil, planAfter } = state.user;
    const then = planAfter ? `, then ${planName(planAfter)}` : "";
    words.replaceChildren(`You have ${planName(plan)}${planUntil ? ` until ${momentIn(planUntil, state.user.timeZone)}${then}` : ""}. `,
      h("a.link", { href: "#/plans", data: { testid: "usage-plans" } }, "See all plans"));
  };
  const draw = () => {
    const sorted = [...(state.usage?.limits ?? [])].sort((a, b) => b.used / b.limit - a.used / a.limit);
    const rows = sorted.map((limit) => h("div.account-limit", { data: { level: level(limit), scope: limit.scope } },
      usageBar(limit, state.character(limit.characterId).name), h("p", {}, `${typeName(limit)}${limitReset(limit, state.user.timeZone)}`)));
    limits.replaceChildren(...(rows.length ? rows : [h("p.muted", {}, "No limit counts against you so far. What you use of your plan is shown here.")]));
  };
  onEnd(state.on("usage", draw));
  onEnd(state.on("characters", draw));
  onEnd(state.on("user", say));
  // All meters, also those that other devices moved while this page did not look.
  api.get("/api/auth/usage").then((/** @type {any} */ answer) => state.setUsage(answer)).catch(() => {});
  say();
  draw();
  return [panel("Usage", words, limits)];
}

/** @param {{type?: string}} limit */
function typeName({ type }) {
  const names = /** @type {Record<string, string>} */ ({ audio: "Spoken replies. ", media: "Replies with a picture. " });
  return names[type ?? "text"] ?? "";
}
