// @ts-check
/** For developers: the mails and messages that would have gone out. */
import { pages, panel } from "../account/parts.js";
import { h } from "../dom.js";
import { fullMoment } from "../time.js";

const LINK = /https?:\/\/\S+/g;

/** @param {import("../../api.js").Api} api */
export function outbox(api) {
  const draw = (/** @type {any} */ item) => h("li.line", {}, h("details.letter", { data: { testid: "letter" } },
    h("summary", {}, h("span.tag", {}, item.channel), " ", h("strong", {}, item.subject ?? item.text), h("span.line-detail", {}, ` to ${item.to} · ${fullMoment(item.createdAt)}`)),
    h("p.letter-text", {}, ...linked(item.text))));
  return [panel("Outbox", h("p.muted", {}, "No mail server is configured, so what would have been sent stands here."),
    ...pages(api, "/api/admin/outbox?limit=30", draw, { empty: "Nothing has been sent.", testid: "outbox" }))];
}

/** Text with its addresses as links. @param {string} text */
function linked(text) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(at, match.index), h("a", { href: match[0], rel: "noreferrer" }, match[0]));
    at = match.index + match[0].length;
  }
  return [...parts, text.slice(at)];
}
