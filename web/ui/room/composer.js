// @ts-check
/**
 * Where one writes. Enter sends, Shift+Enter makes a new line, @ names somebody; others in the room are told while one types.
 * Files are chosen, pasted or dropped, and a recording takes its place: each goes as a message of its own, the text with the last.
 */
import { h, icon, iconButton, setText } from "../dom.js";
import { keptMap } from "../kept.js";
import { dropPlace, filesOf } from "../media/drop.js";
import { toast } from "../overlays.js";
import { Mentions } from "./mentions.js";
import { canRecord, Recorder } from "./recorder.js";

const MAX_LENGTH = 5000;
const COUNTER_FROM = 4500;
const TYPING_REPEAT_MS = 4000;
const TYPING_PAUSE_MS = 5000;
/** What kind of message the answer is to be; the first is what the character usually gives. */
const KINDS = [["", "As usual"], ["text", "Written"], ["audio", "Spoken"], ["media", "Picture"]];
/** What was begun in a conversation and not sent, kept while the page lives. @type {Map<string, string>} */
const drafts = keptMap();

export class Composer {
  replyTo = /** @type {string|null} */ (null);
  #typingAt = 0;
  #typingTimer = /** @type {any} */ (0);
  #blocked = false;
  #placeholder = "";
  recorder = /** @type {Recorder|null} */ (null);

  /**
   * @param {{conversationId: string, tray: import("./tray.js").Tray, people: () => any[], onSend: (text: string, fields: object) => boolean, onStop: () => void,
   *   onTyping: (typing: boolean) => void}} options
   */
  constructor(options) {
    this.options = options;
    this.input = h("textarea", { id: "composer-input", rows: "1", enterkeyhint: "send", dir: "auto", data: { testid: "composer-input" },
      "aria-describedby": "composer-hint", oninput: () => this.#typed(), onkeydown: (event) => this.#key(event), onclick: () => this.mentions.look(), onpaste: (event) => this.#paste(event) });
    this.mentions = new Mentions(this.input, options.people);
    this.quoted = h("div.composer-quote", { hidden: true, data: { testid: "composer-quote" } });
    this.label = h("label.visually-hidden", { for: "composer-input" }, "Message");
    this.counter = h("span.composer-counter", { role: "status", hidden: true });
    this.stop = h("button.stop-button", { type: "button", hidden: true, data: { testid: "stop-button" }, title: "Stop the reply (Esc)", onclick: () => this.#stop() },
      icon("stop"), h("span", {}, "Stop"));
    this.kind = h("select.composer-kind", { "aria-label": "Answer as", title: "Answer as", data: { testid: "composer-kind" }, onchange: () => this.input.focus() },
      ...KINDS.map(([value, label]) => h("option", { value }, label)));
    this.send = h("button.send-button", { type: "submit", disabled: true, "aria-label": "Send", title: "Send (Enter)", data: { testid: "send-button" } }, icon("send"));
    this.tray = options.tray;
    this.tray.changed = () => this.#trayChanged();
    this.tray.onEmptied = () => this.input.focus();
    this.chooser = h("input.visually-hidden", { type: "file", multiple: true, tabindex: "-1", "aria-hidden": "true", accept: "image/*,video/mp4,video/webm,audio/*", data: { testid: "attach-file" }, onchange: () => {
      this.tray.add([...this.chooser.files]);
      this.chooser.value = "";
      this.input.focus();
    } });
    this.attach = iconButton("clip", "Add pictures, videos or sounds", { class: "icon-button composer-attach", data: { testid: "attach-button" }, onclick: () => this.chooser.click() });
    this.mic = iconButton("mic", "Record a message", { class: "icon-button composer-mic", data: { testid: "record-button" }, onclick: () => this.#record() });
    this.row = h("div.composer-row", {}, this.attach, this.label, this.input, this.counter, this.kind, this.stop, this.mic, this.send);
    this.element = h("form.composer", { onsubmit: (event) => { event.preventDefault(); this.#send(); } },
      this.mentions.element, this.quoted, this.tray.element, this.chooser, this.row,
      h("span.visually-hidden", { id: "composer-hint" }, "Enter sends, Shift and Enter makes a new line, Escape stops a reply, @ names somebody."));
    this.input.value = drafts.get(options.conversationId) ?? "";
    this.#fit();
  }

  /** Files may be dropped anywhere over this. @param {HTMLElement} place */
  takeDropsOn(place) {
    dropPlace(place, (files) => {
      this.tray.add(files);
      this.input.focus();
    });
  }

  /** @param {string} name of whom one writes to */
  address(name) {
    this.#placeholder = `Message ${name}`;
    if (this.tray.isEmpty) this.input.placeholder = this.#placeholder;
    setText(this.label, this.#placeholder);
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
    this.recorder?.cancel();
    this.tray.changed = () => {};
  }

  /** Pictures from the clipboard; where text was copied with them, the text is meant. */
  #paste(event) {
    const files = filesOf(event.clipboardData);
    if (!files.length || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    this.tray.add(files);
  }

  #record() {
    if (this.recorder) return;
    if (!canRecord()) return toast({ title: "This browser cannot record here", body: "Recording works over HTTPS, in a current browser.", level: "warning" });
    const recorder = new Recorder({
      done: (blob, told) => this.tray.add([blob], told),
      failed: (message) => toast({ title: "Nothing was recorded", body: message, level: "warning" }),
      end: () => {
        recorder.element.replaceWith(this.row);
        this.recorder = null;
        this.input.focus();
      },
    });
    this.recorder = recorder;
    this.row.replaceWith(recorder.element);
    recorder.start();
  }

  #trayChanged() {
    if (this.tray.wanted && this.tray.isReady) this.#send();
    else this.#fit();
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
    if ((!text && this.tray.isEmpty) || text.length > MAX_LENGTH || this.#blocked || this.tray.isBroken) return;
    if (!this.tray.isEmpty && !this.tray.isReady) return this.#wait();
    if (this.tray.isEmpty ? !this.options.onSend(text, fields) : !this.#sendFiles(text, fields)) return;
    this.input.value = "";
    this.mentions.close();
    if (this.replyTo) this.quote(null);
    drafts.delete(this.options.conversationId);
    this.#typing(false);
    this.#fit();
    this.input.focus();
  }

  /** It goes when all of it is there. */
  #wait() {
    this.tray.wanted = true;
    this.#trayChanged();
    this.tray.element.querySelector(".tray-told")?.replaceChildren("It is sent as soon as all is there.");
  }

  /** Each as a message of its own: one reply answers them all, and the text stands with the last. @param {string} text @param {object} fields */
  #sendFiles(text, { responseType, ...fields }) {
    const files = this.tray.take();
    return files.every(({ mediaId, type }, at) => {
      const last = at === files.length - 1;
      return this.options.onSend(last ? text : "", { type: type === "audio" ? "audio" : "media", attachment: { mediaId, type }, ...(at ? {} : fields),
        ...(last ? (responseType ? { responseType } : {}) : { reply: "none" }) });
    });
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
    const files = !this.tray.isEmpty;
    this.send.disabled = (!length && !files) || length > MAX_LENGTH || this.#blocked || this.tray.isBroken;
    this.element.classList.toggle("empty", !length && !files);
    this.input.placeholder = files ? "Add a caption" : this.#placeholder;
    this.counter.hidden = length < COUNTER_FROM;
    setText(this.counter, length < COUNTER_FROM ? "" : `${length} of ${MAX_LENGTH}`);
    this.counter.classList.toggle("over", length > MAX_LENGTH);
    this.input.style.height = "auto";
    if (this.input.value) this.input.style.height = `${this.input.scrollHeight}px`;
  }
}
