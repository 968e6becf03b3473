// @ts-check
/** What happened at the door of the account. */
import { h } from "../dom.js";
import { fullMoment } from "../time.js";
import { deviceName, line, pages, panel } from "./parts.js";

/** @type {Record<string, string>} */
const EVENTS = {
  registered: "The account was made", signed_in: "Signed in", signed_out: "Signed out", signed_out_everywhere: "Signed out everywhere", email_changed: "The e-mail address was changed", session_ended: "A device was signed out", token_reused: "A used token came again: its device was signed out",
  password_changed: "The password was changed", password_reset: "The password was reset", email_verified: "The e-mail address was proved", mobile_verified: "The number was proved",
  identity_linked: "An account elsewhere was linked", identity_unlinked: "An account elsewhere was unlinked", api_key_made: "An API key was made", api_key_revoked: "An API key was revoked",
  exported: "The data was exported", blocked: "The account was blocked", unblocked: "The account was unblocked", deactivated: "The account was deactivated", reactivated: "The account was brought back",
};

/** @type {Record<string, string>} */
const REFUSED = { signed_in: "A sign-in was refused", password_changed: "A change of the password was refused", password_reset: "A reset of the password was refused" };

/** @param {string} word "wrong_password" */
const plain = (word) => word.replaceAll("_", " ");

/** @param {import("./account.js").Place} place */
export function historyPart({ api }) {
  const draw = (/** @type {any} */ entry) => line(
    [(entry.refusedWhy ? REFUSED : EVENTS)[entry.event] ?? (entry.refusedWhy ? `Refused: ${plain(entry.event)}` : plain(entry.event)),
      entry.refusedWhy ? h("span.tag", { data: { tone: "warn" } }, plain(entry.refusedWhy)) : ""],
    [fullMoment(entry.createdAt), deviceName(entry.userAgent), entry.address].filter(Boolean).join(" · "));
  return [panel("History", h("p.muted", {}, "If there is something that you did not do, change your password and sign out everywhere."),
    ...pages(api, "/api/auth/history?limit=30", draw, { empty: "Nothing yet.", testid: "history" }))];
}
