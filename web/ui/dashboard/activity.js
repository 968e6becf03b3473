// @ts-check
/** What happened lately, the latest first. */
import { deviceName, pages } from "../account/parts.js";
import { h, icon } from "../dom.js";
import { paidWords } from "../money.js";
import { ago, fullMoment } from "../time.js";
import { panel } from "./parts.js";

const ICONS = /** @type {Record<string, string>} */ ({ conversation: "chat", credits: "star", payment: "card", limit: "curtain", device: "key", avatar: "people", content: "picture" });

/** One thing that happened. @param {any} item */
export function activityLine(item) {
  const [about] = item.kind.split(".");
  let { detail } = item;
  if (about === "device" && detail) {
    const at = detail.lastIndexOf(", from ");
    detail = at > 0 ? `${deviceName(detail.slice(0, at))}${detail.slice(at)}` : deviceName(detail);
  }
  return h("li.line", { data: { testid: "activity-item", kind: item.kind } }, h("span.activity-icon", {}, icon(ICONS[about] ?? "info")),
    h("div.line-words", {}, h("p.line-head", {}, item.link ? h("a.link", { href: `#${item.link}` }, item.title) : item.title),
      h("p.line-detail", { dir: "auto" }, ...[detail, paidWords(item)].filter(Boolean).flatMap((part) => [part, " · "]), h("time", { datetime: item.at, title: fullMoment(item.at) }, ago(item.at)))));
}

/** @param {import("./dashboard.js").Place} place */
export function activity({ api }) {
  return [panel("Activity", h("div.activity", {}, ...pages(api, "/api/dashboard/activity?limit=20", activityLine, { empty: "Nothing has happened yet.", testid: "activity" })))];
}
