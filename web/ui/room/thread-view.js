// @ts-check
/** The list of messages on the page: nodes are kept by key, moved only when they stand elsewhere, one of them in the tab order. */
import { h, setText } from "../dom.js";
import { MessageView } from "./message.js";
import { sameDay } from "./thread.js";
import { dayName } from "../time.js";
import { Toolbar } from "./toolbar.js";

export class ThreadView {
  #views = new Map();         // entry key -> MessageView
  #byElement = new WeakMap();
  #days = new Map();          // day -> its separator
  #unread = h("li.unread-line", { data: { testid: "unread-line" } }, h("span", {}, "New messages"));

  /** @param {{deeds: import("./deeds.js").RoomDeeds, who: (entry: any) => any}} options */
  constructor({ deeds, who }) {
    this.deeds = deeds;
    this.who = who;
    this.arriving = false;
    this.list = h("ol.thread", { "aria-label": "Messages" });
    this.toolbar = new Toolbar({ list: this.list, viewOf: (element) => this.#byElement.get(element), deedsFor: (entry) => deeds.offered(entry) });
    this.list.addEventListener("focusin", (event) => this.#rove(event.target.closest?.(".message")));
  }

  /** @param {string} key @returns {MessageView} */
  view(key) {
    return this.#views.get(key);
  }

  /** @param {string} messageId @returns {MessageView|undefined} */
  viewOfMessage(messageId) {
    const element = this.element(messageId);
    return element ? this.#byElement.get(element) : undefined;
  }

  /** @param {string} messageId @returns {HTMLElement|null} */
  element(messageId) {
    return this.list.querySelector(`[data-message-id="${CSS.escape(messageId)}"]`);
  }

  /** Makes the list what `entries` say. @param {import("./thread.js").Entry[]} entries */
  show(entries) {
    const wanted = [];
    entries.forEach((entry, at) => {
      if (!at || !sameDay(entries[at - 1].at, entry.at)) wanted.push(this.#day(entry.at));
      if (entry.unread) wanted.push(this.#unread);
      wanted.push(this.#view(entry).element);
    });
    const keys = new Set(entries.map(({ key }) => key));
    for (const [key, view] of this.#views) {
      if (keys.has(key)) continue;
      view.element.remove();
      this.#views.delete(key);
    }
    // What is moved loses the focus within it.
    const focused = this.list.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    const kept = new Set(wanted);
    for (const node of [...this.list.children]) if (!kept.has(node)) node.remove();
    wanted.forEach((node, at) => {
      if (this.list.children[at] !== node) this.list.insertBefore(node, this.list.children[at] ?? null);
    });
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    if (!this.list.querySelector('.message[tabindex="0"]')) this.#rove([...this.list.querySelectorAll(".message")].at(-1));
  }

  #view(entry) {
    let view = this.#views.get(entry.key);
    if (!view) {
      view = new MessageView(entry, this.who(entry), this.deeds);
      if (this.arriving) view.element.classList.add("arriving");
      this.#views.set(entry.key, view);
      this.#byElement.set(view.element, view);
    }
    view.update(entry);
    this.toolbar.refresh(view);
    return view;
  }

  #day(at) {
    const key = new Date(at).toDateString();
    const day = this.#days.get(key) ?? h("li.day", {}, h("span", {}));
    this.#days.set(key, day);
    setText(day.firstElementChild, dayName(at));
    return day;
  }

  /** One message is in the tab order: the one that had the focus last, else the newest. */
  #rove(element) {
    if (!element || element.tabIndex === 0) return;
    for (const other of this.list.querySelectorAll('.message[tabindex="0"]')) other.tabIndex = -1;
    element.tabIndex = 0;
  }
}
