// @ts-check
/** Backstage, for admins: the AI behind the characters. A page of parts, each at an address of its own. */
import { h, icon } from "../../dom.js";
import { bench } from "./bench.js";
import { dead } from "./dead.js";
import { providers } from "./providers.js";
import { usage } from "./usage.js";

/**
 * A part draws itself into a list of nodes; it may listen and give back how to stop.
 * @typedef {{api: import("../../../api.js").Api, state: import("../../../state.js").State, onEnd: (stop: () => void) => void}} Place
 */
const PARTS = {
  "": { title: "Providers", draw: providers },
  usage: { title: "Usage", draw: usage },
  bench: { title: "Rehearsal", draw: bench },
  dead: { title: "Failed replies", draw: dead },
};

export class AiView {
  title = "AI";

  /** @param {any} context see app.js @param {string} [part] */
  constructor({ api, state, menuButton }, part = "") {
    const name = /** @type {keyof typeof PARTS} */ (part in PARTS ? part : "");
    this.stops = /** @type {(() => void)[]} */ ([]);
    const links = Object.entries(PARTS).map(([key, { title }]) => h("a.tab", { href: key ? `#/admin/ai/${key}` : "#/admin/ai",
      "aria-current": key === name ? "page" : null, data: { testid: `ai-tab-${key || "providers"}` } }, title));
    this.element = h("section.page", { "aria-labelledby": "ai-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "ai-title" }, "AI"),
        h("p.lead", {}, "Who speaks for the characters, what it costs, and what went wrong."))),
      h("nav.tabs", { "aria-label": "Parts of this page" }, ...links, h("a.tab", { href: "#/admin" }, "Backstage", icon("arrow"))),
      h("div.admin-body", { data: { part: name || "providers" } }, ...PARTS[name].draw({ api, state, onEnd: (stop) => this.stops.push(stop) })));
    queueMicrotask(() => links.find((link) => link.hasAttribute("aria-current"))?.scrollIntoView({ block: "nearest", inline: "center" }));
  }

  destroy() {
    for (const stop of this.stops.splice(0)) stop();
  }
}
