// @ts-check
/** One's account: a page of parts, each at an address of its own. */
import { h } from "../dom.js";
import { toastError } from "../overlays.js";
import { apiKeys } from "./api-keys.js";
import { credits } from "./credits.js";
import { devices } from "./devices.js";
import { historyPart } from "./history.js";
import { payments } from "./payments.js";
import { privacy } from "./privacy.js";
import { profile } from "./profile.js";
import { usage } from "./usage.js";
import { waysIn } from "./ways-in.js";

/**
 * A part draws itself into a list of nodes; it may listen and give back how to stop.
 * @typedef {{api: import("../../api.js").Api, state: import("../../state.js").State, info: any, signOut: () => void,
 *   signedOut: (notice: string) => void,
 *   redraw: () => void, onEnd: (stop: () => void) => void}} Place
 */
const PARTS = {
  "": { title: "Profile", draw: profile },
  usage: { title: "Usage", draw: usage },
  credits: { title: "Credits", draw: credits },
  payments: { title: "Payments", draw: payments },
  "ways-in": { title: "Ways in", draw: waysIn },
  devices: { title: "Devices", draw: devices },
  keys: { title: "API keys", draw: apiKeys },
  history: { title: "History", draw: historyPart },
  privacy: { title: "Your data", draw: privacy },
};

export class AccountView {
  title = "Account";

  /** @param {any} context see app.js @param {string} [part] */
  constructor({ api, state, info, menuButton, signOut, signedOut }, part = "") {
    const name = /** @type {keyof typeof PARTS} */ (part in PARTS ? part : "");
    this.stops = /** @type {(() => void)[]} */ ([]);
    this.body = h("div.account-body", { data: { part: name || "profile" } });
    const links = Object.entries(PARTS).map(([key, { title }]) => h("a.tab", { href: key ? `#/account/${key}` : "#/account",
      "aria-current": key === name ? "page" : null, data: { testid: `account-tab-${key || "profile"}` } }, title));
    this.element = h("section.page", { "aria-labelledby": "account-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "account-title" }, "Your account"))),
      h("nav.tabs", { "aria-label": "Parts of the account" }, ...links),
      this.body);
    const place = { api, state, info, signOut, signedOut, redraw: () => this.#draw(PARTS[name].draw, place), onEnd: (/** @type {() => void} */ stop) => this.stops.push(stop) };
    this.#draw(PARTS[name].draw, place);
    state.loadUser().then(() => name === "" && place.redraw()).catch((/** @type {any} */ error) => toastError(error, "Your account could not be loaded"));
    queueMicrotask(() => links.find((link) => link.hasAttribute("aria-current"))?.scrollIntoView({ block: "nearest", inline: "center" }));
  }

  /** @param {(place: Place) => any[]} draw @param {Place} place */
  #draw(draw, place) {
    this.#stop();
    this.body.replaceChildren(...(place.state.user ? draw(place) : []));
  }

  #stop() {
    for (const stop of this.stops.splice(0)) stop();
  }

  destroy() {
    this.#stop();
  }
}
