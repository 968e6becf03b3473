// @ts-check
/** Where one writes. Enter sends, Shift+Enter makes a new line, @ names somebody; others in the room are told while one types. */
import { h, icon, iconButton, setText } from "../dom.js";
import { Mentions } from "./mentions.js";

const MAX_LENGTH = 5000;
const COUNTER_FROM = 4500;
const TYPING_REPEAT_MS = 4000;
const TYPING_PAUSE_MS = 5000;
/** What kind of message the answer is to be; the first is what the character usually gives. */
const KINDS = [["", "As usual"], ["text", "Written"], ["audio", "Spoken"], ["media", "Picture"]];
/** What was begun in a conversation and not sent, kept while the page lives. @type {Map<string, string>} */
const drafts = new Map();

export class Composer {
  replyTo = /** @type {string|null} */ (null);
  #typingAt = 0;
  #typingTimer = /** @type {any} */ (0);
  #blocked = false;

  /**
   * @param {{conversationId: string, people: () => any[], onSend: (text: string, fields: object) => boolean, onStop: () => void,
   *   onTyping: (typing: boolean) => void}} options
   */
  constructor(options) {
    this.options = options;
    this.input = h("textarea", { id: "composer-input", rows: "1", enterkeyhint: "send", dir: "auto", data: { testid: "composer-input" },
      "aria-describedby": "composer-hint", oninput: () => this.#typed(), onkeydown: (event) => this.#key(event), onclick: () => this.mentions.look() });
    this.mentions = new Mentions(this.input, options.people);
    this.quoted = h("div.composer-quote", { hidden: true, data: { testid: "composer-quote" } });
    this.label = h("label.visually-hidden", { for: "composer-input" }, "Message");
    this.counter = h("span.composer-counter", { role: "status", hidden: true });
    this.stop = h("button.stop-button", { type: "button", hidden: true, data: { testid: "stop-button" }, title: "Stop the reply (Esc)", onclick: () => this.#stop() },
      icon("stop"), h("span", {}, "Stop"));
    this.kind = h("select.composer-kind", { "aria-label": "Answer as", title: "Answer as", data: { testid: "composer-kind" }, onchange: () => this.input.focus() },
      ...KINDS.map(([value, label]) => h("option", { value }, label)));
    this.send = h("button.send-button", { type: "submit", disabled: true, "aria-label": "Send", title: "Send (Enter)", data: { testid: "send-button" } }, icon("send"));
    this.element = h("form.composer", { onsubmit: (event) => { event.preventDefault(); this.#send(); } },
      this.mentions.element, this.quoted,
      h("div.composer-row", {}, this.label, this.input, this.counter, this.kind, this.stop, this.send),
      h("span.visually-hidden", { id: "composer-hint" }, "Enter sends, Shift and Enter makes a new line, Escape stops a reply, @ names somebody."));
    this.input.value = drafts.get(options.conversationId) ?? "";
    this.#fit();
  }

  /** @param {string} name of whom one writes to */
  address(name) {
    this.input.placeholder = `Message ${name}`;
    setText(this.label, `Message ${name}`);
  }

  /** The next message answers this one. @param {{id: string, name?: string, text?: string}|null} message */
  quote(message) {
    this.replyTo = message?.id ?? null;
    this.quoted.hidden = !message;
    this.quoted.replaceChildren(...(message ? [icon("reply"), h("span.composer-quote-words", {}, h("b", {}, message.name ?? "An earlier message"), h("span", {}, message.text ?? "")),
      iconButton("close", "Do not reply to it", { data: { testid: "composer-unquote" }, onclick: () => this.quote(null) })] : []));
    this.input.focus();
  }

  /** @param {boolean} running whether a reply can be stopped */
  setRunning(running) {
    if (this.stop.hidden === !running) return;
    if (!running && document.activeElement === this.stop) this.input.focus();
    this.stop.hidden = !running;
  }

  /** @param {boolean} blocked whether the allowance is used up */
  setBlocked(blocked) {
    this.#blocked = blocked;
    this.#fit();
  }

  focus() {
    this.input.focus();
  }

  destroy() {
    this.#typing(false);
  }

  #key(event) {
    if (this.mentions.steer(event)) return;
    if (event.key === "Escape" && this.replyTo) {
      event.stopPropagation();
      return this.quote(null);
    }
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.input.value.trim();
    const fields = { ...(this.replyTo ? { replyTo: this.replyTo } : {}), ...(this.kind.value ? { responseType: this.kind.value } : {}) };
    if (!text || text.length > MAX_LENGTH || this.#blocked || !this.options.onSend(text, fields)) return;
    this.input.value = "";
    this.mentions.close();
    if (this.replyTo) this.quote(null);
    drafts.delete(this.options.conversationId);
    this.#typing(false);
    this.#fit();
    this.input.focus();
  }

  #stop() {
    this.options.onStop();
    this.input.focus();
  }

  #typed() {
    const text = this.input.value;
    if (text) drafts.set(this.options.conversationId, text);
    else drafts.delete(this.options.conversationId);
    this.#typing(Boolean(text.trim()));
    this.mentions.look();
    this.#fit();
  }

  #typing(typing) {
    clearTimeout(this.#typingTimer);
    if (typing) this.#typingTimer = setTimeout(() => this.#typing(false), TYPING_PAUSE_MS);
    if (typing ? Date.now() - this.#typingAt < TYPING_REPEAT_MS : !this.#typingAt) return;
    this.#typingAt = typing ? Date.now() : 0;
    this.options.onTyping(typing);
  }

  /** Grows the field with its text and shows what can be done. */
  #fit() {
    const { length } = this.input.value.trim();
    this.send.disabled = !length || length > MAX_LENGTH || this.#blocked;
    this.counter.hidden = length < COUNTER_FROM;
    setText(this.counter, length < COUNTER_FROM ? "" : `${length} of ${MAX_LENGTH}`);
    this.counter.classList.toggle("over", length > MAX_LENGTH);
    this.input.style.height = "auto";
    if (this.input.value) this.input.style.height = `${this.input.scrollHeight}px`;
  }
}
