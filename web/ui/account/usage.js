// @ts-check
/** What of the plan is used. */
import { h } from "../dom.js";
import { usageBar } from "../room/usage.js";
import { limitReset } from "../words.js";
import { panel } from "./parts.js";

/** @param {import("./account.js").Place} place */
export function usage({ state, onEnd }) {
  const limits = h("div.account-limits", { data: { testid: "account-usage" } });
  const draw = () => {
    const sorted = [...(state.usage?.limits ?? [])].sort((a, b) => b.used / b.limit - a.used / a.limit);
    limits.replaceChildren(...(sorted.length ? sorted.map((limit) => h("div.account-limit", {},
      usageBar(limit, state.character(limit.characterId).name), h("p", {}, `${typeName(limit)}${limitReset(limit)}`)))
      : [h("p.muted", {}, "No limit counts against you so far. What you use of your plan is shown here.")]));
  };
  onEnd(state.on("usage", draw));
  onEnd(state.on("characters", draw));
  draw();
  return [panel("Usage", limits)];
}

/** @param {{type?: string}} limit */
function typeName({ type }) {
  return !type || type === "text" ? "" : `${type[0].toUpperCase()}${type.slice(1)} replies. `;
}
