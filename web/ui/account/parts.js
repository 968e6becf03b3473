// @ts-check
/** What the parts of the account share. */
import { h } from "../dom.js";
import { toastError } from "../overlays.js";

/** A titled panel. @param {string} title @param {...any} content */
export function panel(title, ...content) {
  return h("section.panel", { "aria-label": title }, h("h2", {}, title), ...content);
}

/**
 * A list that is read page by page. @param {import("../../api.js").Api} api @param {string} path
 * @param {(item: any) => any} draw @param {{empty: string, testid: string}} words
 */
export function pages(api, path, draw, { empty, testid }) {
  const list = h("ul.lines", { data: { testid } });
  const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  let cursor = /** @type {string|null} */ (null);
  async function load() {
    const pressed = document.activeElement === more;
    more.disabled = true;
    try {
      const at = cursor ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : "";
      const { items, nextCursor } = await api.get(path + at);
      list.append(...items.map(draw));
      if (!list.children.length) list.append(h("li.muted", {}, empty));
      cursor = nextCursor ?? null;
      more.hidden = !cursor;
    } catch (error) {
      more.hidden = false;
      toastError(error, "The list could not be loaded");
    } finally {
      more.disabled = false;
      if (pressed) more.focus({ preventScroll: true });
    }
  }
  load();
  return [list, more];
}

/** A line of a list: words, and what can be done with it. @param {any} head @param {any} detail @param {...any} actions */
export function line(head, detail, ...actions) {
  return h("li.line", {}, h("div.line-words", {}, h("p.line-head", {}, head), h("p.line-detail", {}, detail)),
    actions.length ? h("div.line-actions", {}, ...actions) : null);
}

/** "Firefox on Linux", as far as the name that a program gives itself tells. @param {string|null} agent */
export function deviceName(agent) {
  if (!agent) return "Unknown device";
  const find = (/** @type {[RegExp, string][]} */ names) => names.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = find([[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/HeadlessChrome\/|Chromium\//, "Chromium"], [/Chrome\//, "Chrome"],
    [/Safari\//, "Safari"]]);
  const system = find([[/iPhone|iPad/, "iOS"], [/Android/, "Android"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux|X11/, "Linux"]]);
  if (!browser) return agent.split(/[\s/]/)[0].slice(0, 40) || "Unknown device";
  return system ? `${browser} on ${system}` : browser;
}
