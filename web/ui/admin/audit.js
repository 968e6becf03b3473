// @ts-check
/** Who did what: every act of an admin. */
import { line, pages, panel } from "../account/parts.js";
import { h } from "../dom.js";
import { fullMoment } from "../time.js";

/** @param {import("../../api.js").Api} api */
export function audit(api) {
  const draw = (/** @type {any} */ act) => line(
    [h("code", {}, act.action), act.reason ? h("span.tag", {}, act.reason) : ""],
    [fullMoment(act.createdAt), `by ${act.actorName}`, act.targetKind && `${act.targetKind} ${act.targetId}`, detail(act.detail)].filter(Boolean).join(" · "));
  return [panel("Audit", ...pages(api, "/api/admin/audit?limit=50", draw, { empty: "No admin has done anything yet.", testid: "audit" }))];
}

/** @param {any} value */
function detail(value) {
  return value && Object.keys(value).length ? JSON.stringify(value) : "";
}
