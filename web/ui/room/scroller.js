// @ts-check
/** The scrolling of a conversation: stays at the end while one is there, and holds still while one reads above. */
import { h, icon, setText } from "../dom.js";

const AT_END_PX = 8;
const NEAR_END_PX = 80;
const NEAR_TOP_PX = 240;

export class Scroller {
  #count = 0;

  /** @param {any[]} children @param {{onTop: () => void, onBottom: () => void, onLatest: () => void}} listeners */
  constructor(children, { onTop, onBottom, onLatest }) {
    this.pinned = true;
    /** True while what is shown ends above the newest messages. */
    this.past = false;
    this.onLatest = onLatest;
    this.lastTop = 0;
    this.onTop = onTop;
    this.onBottom = onBottom;
    this.inner = h("div.chat-inner", {}, ...children);
    this.view = h("div.chat-scroll", { tabindex: "0", role: "region", "aria-label": "Messages", onscroll: () => this.#scrolled() }, this.inner);
    this.jumpText = h("span", {}, "Latest");
    this.jump = h("button.jump", { type: "button", hidden: true, data: { testid: "jump-to-latest" }, onclick: () => (this.past ? this.onLatest() : this.toBottom(true)) }, icon("down"), this.jumpText);
    this.element = h("div.chat-stage", {}, this.view, this.jump);
    this.observer = new ResizeObserver(() => this.pinned && this.#end());
    this.observer.observe(this.view);
    this.observer.observe(this.inner);
  }

  /** Runs a change of the content; what the reader looks at stays where it is. @param {() => void} change */
  keep(change) {
    if (this.pinned) {
      change();
      return this.#end();
    }
    const top = this.view.getBoundingClientRect().top;
    const anchor = [...this.inner.querySelectorAll(".message")].find((node) => node.getBoundingClientRect().bottom > top);
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) this.view.scrollTop += anchor.getBoundingClientRect().top - /** @type {number} */ (before);
  }

  /** One's own message goes to the end, wherever one was. */
  pin() {
    this.pinned = true;
    this.#settle();
  }

  /** One reads above: the end no longer holds. */
  release() {
    this.pinned = false;
    this.#settle();
  }

  /** @param {boolean} past whether what is shown ends above the newest messages */
  setPast(past) {
    if (past === this.past) return;
    this.past = past;
    if (past) this.pinned = false;
    this.#settle();
  }

  countNew() {
    this.#count += 1;
    setText(this.jumpText, this.#count === 1 ? "1 new message" : `${this.#count} new messages`);
  }

  /** @param {boolean} smooth */
  toBottom(smooth) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.view.scrollTo({ top: this.view.scrollHeight, behavior: smooth && !still ? "smooth" : "instant" });
    if (!smooth) this.pin();
  }

  #end() {
    this.view.scrollTop = this.view.scrollHeight;
    // From here a step up is counted: what became shorter before was nobody's step.
    this.lastTop = this.view.scrollTop;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.view;
    const distance = scrollHeight - scrollTop - clientHeight;
    const upward = scrollTop < this.lastTop;          // a reader who leaves is let go at once, one who comes near is caught
    this.lastTop = scrollTop;
    // Without a step up it is what came below, a picture that took its place, that made the way to the end longer.
    const pinned = distance < AT_END_PX || (!upward && (this.pinned || distance < NEAR_END_PX));
    if (this.past) {
      if (distance < NEAR_TOP_PX) this.onBottom();
    } else if (pinned !== this.pinned) {
      this.pinned = pinned;
      this.#settle();
    }
    if (scrollTop < NEAR_TOP_PX) this.onTop();
  }

  #settle() {
    this.jump.hidden = this.pinned;
    if (!this.pinned) return;
    this.#count = 0;
    setText(this.jumpText, "Latest");
    this.onBottom();
  }

  destroy() {
    this.observer.disconnect();
  }
}
