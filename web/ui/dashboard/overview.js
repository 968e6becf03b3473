// @ts-check
/** The dashboard at a glance: today and this week, limits, who one talks with, what happened lately. */
import { shares } from "../chart.js";
import { h } from "../dom.js";
import { planName } from "../plans/words.js";
import { compactNumber, formatNumber, momentIn } from "../time.js";
import { activityLine } from "./activity.js";
import { limitLine, loaded, panel, tile } from "./parts.js";

const LIMITS_SHOWN = 4;

/** @param {import("./dashboard.js").Place} place */
export function overview({ api }) {
  const ask = () => Promise.all([api.get("/api/dashboard"), api.get("/api/dashboard/quick-stats")]);
  return [loaded({ ask, draw: ([dashboard, stats]) => drawn(dashboard, stats), testid: "dashboard-overview" }).body];
}

/** @param {any} dashboard @param {any} stats */
function drawn(dashboard, stats) {
  const { today, week, credits, limits, recent, topCharacters, user } = dashboard;
  const days = (/** @type {number} */ count) => `${formatNumber(count)} ${count === 1 ? "day" : "days"}`;
  const row = (/** @type {string} */ name, /** @type {string} */ key) => h("tr", {}, h("th", { scope: "row" }, name), ...[today, week].map((of) => h("td", { data: { number: "true" } }, compactNumber(of[key]))));
  return [
    h("div.tiles", { data: { testid: "dashboard-tiles" } }, tile(formatNumber(stats.messagesToday), "Messages today", `${compactNumber(stats.messagesTotal)} in all`),
      tile(days(stats.streakDays), "In a row"), tile(formatNumber(stats.conversations), stats.conversations === 1 ? "Conversation" : "Conversations"), tile(formatNumber(stats.characters), "Characters talked with"),
      tile(formatNumber(credits.available), "Credits", credits.held ? `${formatNumber(credits.held)} set aside` : undefined)),
    h("div.figures-two", {},
      panel("Today and this week", h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": "Today and this week" }, h("table", { data: { testid: "dashboard-spans" } },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span.visually-hidden", {}, "What")), ...["Today", "7 days"].map((name) => h("th", { scope: "col", data: { number: "true" } }, name)))),
        h("tbody", {}, row("Messages", "messages"), row("Replies", "replies"), row("Tokens", "tokens"), row("Credits spent", "credits")))),
      h("p.muted", {}, `Days are those in ${user.timeZone.replaceAll("_", " ")}. `, h("a.link", { href: "#/dashboard/analytics" }, "Day by day"))),
      panel("Limits", h("p", {}, `You have ${planName(dashboard.plan)}${dashboard.planUntil ? ` until ${momentIn(dashboard.planUntil, user.timeZone)}` : ""}.`),
        h("ul.lines", {}, ...limits.slice(0, LIMITS_SHOWN).map((/** @type {any} */ limit) => limitLine(limit, user.timeZone))), h("a.link", { href: "#/dashboard/limits" }, "All limits")),
      h("section.panel", { "aria-label": "Who answers you" }, shares({ title: "Who answers you", testid: "dashboard-characters", empty: "Nobody has answered you in the last 30 days. ",
        parts: topCharacters.map(shareOf) }), h("p.muted", {}, "Replies of the last 30 days.")),
      panel("Lately", h("ul.lines.activity", { data: { testid: "dashboard-recent" } }, ...(recent.length ? recent.map(activityLine) : [h("li.muted", {}, "Nothing has happened yet.")])),
        h("a.link", { href: "#/dashboard/activity" }, "All that happened"))),
  ];
}

/** @param {any} share */
export const shareOf = ({ name, slug, messages, share }) => ({ name: name ?? "A character that is gone", href: slug ? `#/characters/${encodeURIComponent(slug)}` : null,
  value: `${formatNumber(messages)} ${messages === 1 ? "reply" : "replies"}`, percent: share });
