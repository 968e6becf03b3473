// @ts-check
/** Backstage, for admins: money. A page of parts, each at an address of its own; what follows a part is its own. */
import { h, icon } from "../../dom.js";
import { books } from "./books.js";
import { events } from "./events.js";
import { payments } from "./payments.js";
import { revenue } from "./revenue.js";

/**
 * A part draws itself into a list of nodes; it may listen and give back how to stop.
 * @typedef {{api: import("../../../api.js").Api, state: import("../../../state.js").State, more: string, onEnd: (stop: () => void) => void}} Place
 *   `more`: what follows the part's name in the address
 */
const PARTS = {
  "": { title: "Payments", draw: payments },
  revenue: { title: "Revenue", draw: revenue },
  events: { title: "Stripe events", draw: events },
  books: { title: "Comparison", draw: books },
};

export class BillingView {
  title = "Money";

  /** @param {any} context see app.js @param {string} [part] @param {string} [more] */
  constructor({ api, state, menuButton }, part = "", more = "") {
    const name = /** @type {keyof typeof PARTS} */ (part in PARTS ? part : "");
    this.stops = /** @type {(() => void)[]} */ ([]);
    const links = Object.entries(PARTS).map(([key, { title }]) => h("a.tab", { href: key ? `#/admin/billing/${key}` : "#/admin/billing",
      "aria-current": key === name ? "page" : null, data: { testid: `billing-tab-${key || "payments"}` } }, title));
    this.element = h("section.page", { "aria-labelledby": "billing-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "billing-title" }, "Money"),
        h("p.lead", {}, "What was paid, what it comes to, and whether Stripe and this server agree."))),
      h("nav.tabs", { "aria-label": "Parts of this page" }, ...links, h("a.tab", { href: "#/admin" }, "Backstage", icon("arrow"))),
      h("div.admin-body", { data: { part: name || "payments" } }, ...PARTS[name].draw({ api, state, more, onEnd: (stop) => this.stops.push(stop) })));
    queueMicrotask(() => links.find((link) => link.hasAttribute("aria-current"))?.scrollIntoView({ block: "nearest", inline: "center" }));
  }

  destroy() {
    for (const stop of this.stops.splice(0)) stop();
  }
}
