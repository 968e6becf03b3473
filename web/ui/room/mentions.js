// @ts-check
/** `@` in the composer: names of this conversation by their first letters. The field stays a text box; the chosen name is its active descendant. */
import { avatar, h } from "../dom.js";

const MAX_ROWS = 6;
const BEGUN = /(?:^|[\s(])@([\p{L}\p{N}_.' -]{0,40})$/u;

export class Mentions {
  #rows = /** @type {any[]} */ ([]);
  #at = 0;
  #start = 0;

  /** @param {any} input the textarea @param {() => any[]} people */
  constructor(input, people) {
    this.input = input;
    this.people = people;
    this.element = h("ul.mentions", { id: "mentions", role: "listbox", "aria-label": "Names", hidden: true, data: { testid: "mentions" } });
    for (const [name, value] of [["aria-autocomplete", "list"], ["aria-controls", "mentions"], ["aria-haspopup", "listbox"]]) input.setAttribute(name, value);
    input.addEventListener("blur", () => this.close());
  }

  get isOpen() { return !this.element.hidden; }

  /** The text or the caret has moved. */
  look() {
    const before = this.input.value.slice(0, this.input.selectionStart);
    const found = this.input.selectionStart === this.input.selectionEnd && BEGUN.exec(before);
    if (!found) return this.close();
    const begun = found[1].toLowerCase();
    this.#start = before.length - found[1].length - 1;
    this.#rows = this.people().filter(({ name, username = "" }) => name.toLowerCase().startsWith(begun) || (begun && username.toLowerCase().startsWith(begun))
      || (begun && name.toLowerCase().split(/\s+/).some((/** @type {string} */ word) => word.startsWith(begun)))).slice(0, MAX_ROWS);
    if (!this.#rows.length) return this.close();
    this.#at = 0;
    this.element.replaceChildren(...this.#rows.map((row, at) => h("li", { id: `mention-${at}`, role: "option", data: { testid: "mention" }, onpointerdown: (event) => {
      event.preventDefault();                         // the field keeps the focus
      this.#choose(row);
    } }, avatar(row, "small"), h("span.palette-name", {}, row.name), h("span.palette-kind", {}, row.kind))));
    this.element.hidden = false;
    this.#mark();
  }

  close() {
    if (!this.isOpen) return;
    this.element.hidden = true;
    this.input.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key was for the list */
  steer(event) {
    if (!this.isOpen || event.isComposing) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#at = (this.#at + step + this.#rows.length) % this.#rows.length;
    else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) this.#choose(this.#rows[this.#at]);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    this.#mark();
    return true;
  }

  #mark() {
    [...this.element.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === this.#at)));
    if (this.isOpen) this.input.setAttribute("aria-activedescendant", `mention-${this.#at}`);
  }

  #choose({ name }) {
    this.close();
    this.input.setRangeText(`@${name} `, this.#start, this.input.selectionStart, "end");
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
  }
}
