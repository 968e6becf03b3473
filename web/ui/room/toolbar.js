// @ts-check
/**
 * What can be done with a message: one toolbar for all of them, which stands at the message under the pointer or with the
 * focus. By keyboard: the arrows walk the messages, Tab goes into the toolbar. By touch: a long press opens the same as a sheet.
 */
import { h, icon, iconButton } from "../dom.js";

const LONG_PRESS_MS = 450;
const SLOP_PX = 10;
const ARMED_AFTER_MS = 300;

/** @typedef {{id: string, icon: string, label: string, run: () => void, danger?: boolean}} Deed */

export class Toolbar {
  #view = /** @type {any} */ (null);
  #press = /** @type {any} */ (0);
  #from = { x: 0, y: 0 };

  /** @param {{list: HTMLElement, viewOf: (element: Element) => any, deedsFor: (entry: any) => Deed[]}} options */
  constructor({ list, viewOf, deedsFor }) {
    this.list = list;
    this.viewOf = viewOf;
    this.deedsFor = deedsFor;
    this.element = h("div.toolbar", { role: "toolbar", "aria-label": "What to do with this message", data: { testid: "message-toolbar" } });
    list.addEventListener("pointerover", (event) => event.pointerType === "mouse" && this.#show(event.target));
    list.addEventListener("pointerleave", () => !this.#view?.element.contains(document.activeElement) && this.hide());
    list.addEventListener("focusin", (event) => this.#show(event.target));
    list.addEventListener("keydown", (event) => this.#steer(event));
    list.addEventListener("pointerdown", (event) => this.#down(event));
    for (const name of ["pointerup", "pointercancel"]) list.addEventListener(name, () => clearTimeout(this.#press));
    list.addEventListener("pointermove", (event) => {
      if (Math.hypot(event.clientX - this.#from.x, event.clientY - this.#from.y) > SLOP_PX) clearTimeout(this.#press);
    });
  }

  /** The message has changed: so may what can be done with it. @param {any} view */
  refresh(view) {
    if (view === this.#view) this.#fill();
  }

  hide() {
    this.element.remove();
    this.#view = null;
  }

  #show(target) {
    const element = target instanceof Element ? target.closest(".message") : null;
    const view = element && this.viewOf(element);
    if (!view || view === this.#view) return;
    if (document.activeElement && this.element.contains(document.activeElement)) return;
    this.#view = view;
    this.#fill();
  }

  #fill() {
    const deeds = this.deedsFor(this.#view.entry);
    const focused = /** @type {any} */ (document.activeElement)?.dataset?.deed;
    const kept = this.element.contains(document.activeElement);
    const key = deeds.map(({ id }) => id).join();
    if (!deeds.length) return this.element.remove();
    if (this.element.dataset.deeds !== key || this.element.parentElement !== this.#view.body) {
      this.element.dataset.deeds = key;
      this.element.replaceChildren(...deeds.map(({ id, icon: name, label, danger }) => iconButton(name, label, { class: `icon-button${danger ? " danger" : ""}`, data: { testid: `deed-${id}`, deed: id },
        onclick: () => this.deedsFor(this.#view.entry).find((deed) => deed.id === id)?.run() })));
      this.#view.body.append(this.element);
      if (kept) this.element.querySelector(`[data-deed="${focused}"]`)?.focus();
    }
  }

  /** The arrows walk messages; within the toolbar they walk its buttons. */
  #steer(event) {
    const { target, key } = event;
    if (target.matches?.(".message")) {
      const all = [...this.list.querySelectorAll(".message")];
      const step = { ArrowDown: 1, ArrowUp: -1 }[key];
      const next = step ? all[all.indexOf(target) + step] : { Home: all[0], End: all.at(-1) }[key];
      if (key === "Enter" && this.element.isConnected) /** @type {any} */ (this.element.firstElementChild)?.focus();
      else if (next) {
        next.focus();
        next.scrollIntoView({ block: "nearest" });
      } else return;
      event.preventDefault();
    } else if (this.element.contains(target)) {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (key === "Escape") {
        event.stopPropagation();
        this.#view.element.focus();
      }
      if (!step) return;
      event.preventDefault();
      const buttons = [...this.element.children];
      /** @type {any} */ (buttons[(buttons.indexOf(target) + step + buttons.length) % buttons.length]).focus();
    }
  }

  #down(event) {
    clearTimeout(this.#press);
    if (event.pointerType === "mouse" || event.target.closest("button, a, textarea, audio, video")) return;
    const view = this.viewOf(event.target.closest(".message"));
    if (!view) return;
    this.#from = { x: event.clientX, y: event.clientY };
    this.#press = setTimeout(() => this.sheet(view.entry), LONG_PRESS_MS);
  }

  /** The same deeds with their names, over the page. @param {any} entry */
  sheet(entry) {
    const deeds = this.deedsFor(entry);
    if (!deeds.length || document.querySelector("dialog[open]")) return;
    getSelection()?.removeAllRanges();
    // The finger that pressed is still down, over what has just come under it: its lifting chooses nothing.
    let armed = false;
    const arm = () => setTimeout(() => { armed = true; }, ARMED_AFTER_MS);
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, arm, { once: true });
    const dialog = h("dialog.sheet", { "aria-label": "What to do with this message", data: { testid: "message-sheet" }, onclose: () => dialog.remove(),
      onclick: (event) => armed && event.target === dialog && dialog.close() },
    h("div.sheet-inner", {}, ...deeds.map(({ id, icon: name, label, run, danger }) => h("button", { type: "button", class: danger ? "danger" : "", data: { testid: `sheet-${id}` },
      onclick: (event) => {
        if (!armed && event.detail > 0) return;
        dialog.close();
        run();
      } }, icon(name), label))));
    document.body.append(dialog);
    dialog.showModal();
  }
}
