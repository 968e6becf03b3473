// @ts-check
/** One's dashboard: a page of parts, each at an address of its own. */
import { h } from "../dom.js";
import { activity } from "./activity.js";
import { analytics } from "./analytics.js";
import { limits } from "./limits.js";
import { overview } from "./overview.js";

/** @typedef {{api: import("../../api.js").Api, state: import("../../state.js").State}} Place */
const PARTS = {
  "": { title: "Overview", draw: overview },
  analytics: { title: "Day by day", draw: analytics },
  activity: { title: "Activity", draw: activity },
  limits: { title: "Limits", draw: limits },
};

export class DashboardView {
  title = "Dashboard";

  /** @param {any} context see app.js @param {string} [part] */
  constructor({ api, state, menuButton }, part = "") {
    const name = /** @type {keyof typeof PARTS} */ (part in PARTS ? part : "");
    const links = Object.entries(PARTS).map(([key, { title }]) => h("a.tab", { href: key ? `#/dashboard/${key}` : "#/dashboard",
      "aria-current": key === name ? "page" : null, data: { testid: `dashboard-tab-${key || "overview"}` } }, title));
    this.element = h("section.page", { "aria-labelledby": "dashboard-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "dashboard-title" }, "Dashboard"),
        h("p.lead", {}, "What you said, who answered, and what is left of your plan."))),
      h("nav.tabs", { "aria-label": "Parts of the dashboard" }, ...links),
      h("div.admin-body", { data: { part: name || "overview" } }, ...PARTS[name].draw({ api, state })));
    queueMicrotask(() => links.find((link) => link.hasAttribute("aria-current"))?.scrollIntoView({ block: "nearest", inline: "center" }));
  }

  destroy() {}
}
