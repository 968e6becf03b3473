// @ts-check
/** What lies over the page: toasts and the question before something is lost. */
import { h, icon, iconButton } from "./dom.js";

const SHOWN_MS = 8000;
const SUCCESS_MS = 3500;
const MAX_TOASTS = 4;
const ICONS = { info: "info", warning: "warning", critical: "warning", success: "check" };

/**
 * Shows a notice. Critical ones stay until closed.
 * @param {{title: string, body?: string, level?: "info"|"warning"|"critical"|"success", link?: {href: string, text: string}}} notice
 */
export function toast({ title, body, level = "info", link }) {
  const area = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  const close = () => element.remove();
  const element = h("div.toast", { data: { testid: "toast", level }, role: level === "critical" ? "alert" : null },
    icon(ICONS[level] ?? "info"),
    h("div.toast-text", {}, h("strong", {}, title), body ? h("p", {}, body) : null,
      link ? h("a.link", { href: link.href, data: { testid: "toast-link" }, onclick: close }, link.text) : null),
    iconButton("close", "Dismiss", { onclick: close }));
  area.append(element);
  while (area.children.length > MAX_TOASTS) area.firstElementChild?.remove();
  if (level !== "critical") setTimeout(close, level === "success" ? SUCCESS_MS : SHOWN_MS);
}

/** What lies over a page goes with it. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (dialog).close();
}

/** Tells of a refused request. @param {any} error @param {string} title */
export function toastError(error, title) {
  toast({ title, body: error?.message, level: "warning" });
}

/**
 * Asks before something that cannot be undone, or that costs money.
 * @param {{title: string, body: string, action: string, keep?: string, look?: string}} question `keep`: the way out of it
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, body, action, keep = "Cancel", look = "danger" }) {
  return new Promise((resolve) => {
    const answer = (yes) => {
      resolve(yes);
      dialog.close();
    };
    const dialog = h("dialog.confirm", { "aria-labelledby": "confirm-title", "aria-describedby": "confirm-body", data: { testid: "confirm" },
      onclose: () => { resolve(false); dialog.remove(); },
      onclick: (event) => event.target === dialog && dialog.close() },
    h("div.confirm-inner", {},
      h("h2", { id: "confirm-title" }, title),
      h("p", { id: "confirm-body" }, body),
      h("div.confirm-actions", {},
        h("button.button.quiet", { type: "button", onclick: () => answer(false), data: { testid: "confirm-cancel" } }, keep),
        h(`button.button.${look}`, { type: "button", onclick: () => answer(true), data: { testid: "confirm-accept" } }, action))));
    document.body.append(dialog);
    dialog.showModal();
  });
}
