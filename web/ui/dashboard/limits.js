// @ts-check
/** How much of each limit is used; those that are reached or nearly so first. */
import { h, icon } from "../dom.js";
import { planName } from "../plans/words.js";
import { limitLine, loaded, panel } from "./parts.js";

/** @param {import("./dashboard.js").Place} place */
export function limits({ api, state }) {
  const draw = (/** @type {any} */ { plan, items }) => {
    const reached = items.filter((/** @type {any} */ item) => item.level === "reached").length;
    const close = items.filter((/** @type {any} */ item) => item.level === "warning").length;
    const limits = (/** @type {number} */ count) => `${count} ${count === 1 ? "limit is" : "limits are"}`;
    const words = [reached ? `${limits(reached)} used up` : "", close ? `${limits(close)} nearly used up` : ""].filter(Boolean).join(", ");
    return [
      words ? h("p.notice.warn", { role: "status", data: { testid: "limits-warning" } }, icon("warning"), h("span", {}, `${words}. `, h("a.link", { href: "#/plans" }, "Plans with more"))) : null,
      panel("Limits", h("p", {}, `You have ${planName(plan)}. `, h("a.link", { href: "#/plans" }, "See all plans")),
        h("ul.lines", { data: { testid: "limits" } }, ...(items.length ? items.map((/** @type {any} */ item) => limitLine(item, state.user?.timeZone)) : [h("li.muted", {}, "Nothing is limited.")]))),
    ].filter(Boolean);
  };
  return [loaded({ ask: () => api.get("/api/dashboard/limits"), draw, testid: "dashboard-limits" }).body];
}
