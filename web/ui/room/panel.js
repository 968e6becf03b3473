// @ts-check
/** What stands beside a conversation: who is here, search, settings. On a phone it lies over the conversation. */
import { details } from "./details.js";
import { h, iconButton } from "../dom.js";
import { people } from "./people.js";
import { roomSearch } from "./search.js";

const PARTS = {
  people: { title: "Who is here", draw: people, follows: ["details", "presence"] },
  search: { title: "Search", draw: roomSearch, follows: [] },
  details: { title: "About this conversation", draw: details, follows: ["details"] },
};
const NARROW = matchMedia("(max-width: 1099px)");

export class SidePanel {
  /** @param {import("./chat.js").ChatView} chat */
  constructor(chat) {
    this.chat = chat;
    this.part = /** @type {keyof typeof PARTS|null} */ (null);
    this.heading = h("h2", { id: "room-panel-title", tabindex: "-1" });
    this.body = h("div.side-body", {});
    this.element = h("aside.side", { id: "room-panel", "aria-labelledby": "room-panel-title", hidden: true, data: { testid: "room-panel" } },
      h("header.side-head", {}, this.heading, iconButton("close", "Close", { data: { testid: "panel-close" }, onclick: () => this.close() })), this.body);
  }

  get isOpen() { return this.part !== null; }

  /** @param {string} part */
  toggle(part) {
    if (part === this.part) this.close();
    else this.open(part);
  }

  /** @param {string} part */
  open(part) {
    if (!this.chat.conversation) return;
    this.part = /** @type {keyof typeof PARTS} */ (part);
    const { title, draw } = PARTS[this.part];
    this.heading.textContent = title;
    this.element.dataset.part = part;
    this.body.replaceChildren(...draw(this.chat));
    this.element.hidden = false;
    this.chat.element.classList.add("with-side");
    this.#inert();
    this.chat.head.expanded(part);
    const first = part === "search" ? this.body.querySelector("input") : this.heading;
    first?.focus({ preventScroll: true });
  }

  /** @returns {boolean} whether it was open */
  close() {
    const { part } = this;
    if (!part) return false;
    this.part = null;
    this.element.hidden = true;
    this.chat.element.classList.remove("with-side");
    this.#inert();
    this.chat.head.expanded(null);
    this.chat.head.focus(part);
    return true;
  }

  /** Where it lies over the conversation it makes way; beside it, it stays. */
  yield() {
    if (NARROW.matches) this.close();
  }

  /** Something of the room is other than it was. @param {string} what */
  changed(what) {
    if (!this.part || !PARTS[this.part].follows.includes(what)) return;
    const active = /** @type {any} */ (document.activeElement);
    const key = this.body.contains(active) ? active.dataset.key ?? active.id : null;
    if (active?.matches?.("input, textarea, select") && this.body.contains(active)) return; // what one writes is not drawn over
    this.body.replaceChildren(...PARTS[this.part].draw(this.chat));
    if (key) (this.body.querySelector(`[data-key="${CSS.escape(key)}"], #${CSS.escape(key)}`) ?? this.heading).focus({ preventScroll: true });
  }

  /** Where it lies over the conversation, that is out of reach meanwhile. */
  #inert() {
    /** @type {any} */ (this.chat.element.firstElementChild).inert = NARROW.matches && this.isOpen;
  }
}
