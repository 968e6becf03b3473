// @ts-check
/** One message on the page. It is made once and then only changed, so that a reply streams and settles without a flicker. */
import { isOpen } from "../../client/replies.js";
import { attachment } from "./attachment.js";
import { avatar, h, icon, iconButton, setText } from "../dom.js";
import { sameness } from "../media/file.js";
import { reactionChips } from "./reactions.js";
import { showText } from "../text.js";
import { fullMoment, timeOfDay } from "../time.js";
import { FINISH, replyEnded, sendRefused } from "../words.js";

const WAITING = { queued: "is in the queue", thinking: "is thinking" };

/**
 * What a message asks of its conversation.
 * @typedef {object} Deeds
 * @property {(entry: any) => void} again
 * @property {(entry: any) => void} resend
 * @property {(entry: any) => void} discard
 * @property {(entry: any, emoji: string, remove: boolean) => void} react
 * @property {(entry: any, step: 1|-1) => void} turn      to the next or the last variant
 * @property {(messageId: string) => void} jump
 * @property {(messageId: string) => void} show       its picture, as large as there is room
 * @property {(id: string) => {name: string, color?: string}} who
 * @property {(messageId: string) => {name: string, text: string}|null} quoted
 * @property {string} userId
 */

export class MessageView {
  #shown = "";
  #parts = "";
  #file = "";

  /** @param {import("./thread.js").Entry} entry @param {any} who the sender: name, color @param {Deeds} deeds */
  constructor(entry, who, deeds) {
    this.who = who;
    this.deeds = deeds;
    this.entry = entry;
    this.name = h("span.message-name", {}, entry.mine ? "You" : who.name);
    this.time = h("time.message-time", {});
    this.edited = h("span.message-edited", { hidden: true }, "edited");
    this.text = h("div.message-text", {});
    this.waiting = h("div.message-waiting", { hidden: true }, h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", {}));
    this.quote = h("div", {});
    this.file = h("div.message-file", { hidden: true });
    this.under = h("div.message-under", {});
    this.note = h("div.message-note", { hidden: true });
    this.bubble = h("div.bubble", {}, this.quote, this.file, this.text, this.waiting);
    this.body = h("div.message-body", {},
      h("div.message-head", {}, this.name, this.time, this.edited, entry.mine ? h("span.message-sent", {}, icon("check"), h("span.visually-hidden", {}, "Sent")) : null),
      this.bubble, this.under, this.note);
    this.element = h(`li.message.${entry.mine ? "mine" : "theirs"}`, { tabindex: "-1", data: { testid: "message", senderKind: entry.kind } },
      entry.mine ? null : avatar(who), this.body);
    if (/^#[0-9a-f]{6}$/i.test(who.color ?? "")) this.element.style.setProperty("--who", who.color);
  }

  /** @param {import("./thread.js").Entry & {seen?: string}} entry */
  update(entry) {
    this.entry = entry;
    const { message, part } = entry;
    const key = [entry.id, entry.state, entry.grouped, entry.last, entry.error?.code, entry.reply?.code, entry.text.length, message?.revision, part?.state, part?.code,
      entry.quoted, entry.seen, entry.attachment?.mediaId].join("|");
    if (key === this.#shown && entry.text === this.shownText) return;
    this.#shown = key;
    this.shownText = entry.text;
    const { dataset, classList } = this.element;
    dataset.messageId = entry.id;
    dataset.state = entry.state;
    if (message) dataset.offset = String(message.offset);
    classList.toggle("grouped", entry.grouped);
    if (entry.state === "deleted") this.text.replaceChildren(h("p.message-gone", {}, icon("trash"), entry.mine ? "You deleted this message." : "This message was deleted."));
    else showText(this.text, entry.text);
    this.edited.hidden = !message?.editedAt || entry.state === "deleted";
    this.#draw(entry);
    this.#wait(entry);
    this.#annotate(entry);
    if (!entry.reply || entry.state === "streaming") this.#stamp(entry.at);
    this.element.toggleAttribute("aria-busy", entry.state === "streaming" || entry.state in WAITING);
  }

  /** A delta: only the text grows. @param {string} text */
  showStream(text) {
    this.shownText = text;
    showText(this.text, text);
  }

  /** What stands beside the text: quote, file, variants, reactions. @param {any} entry */
  #draw({ message, quoted, state, part, attachment: sending }) {
    this.#drawFile(state === "deleted" ? null : message?.attachment ?? sending);
    const said = quoted ? this.deeds.quoted(quoted) : null;
    const key = JSON.stringify([quoted, said, message?.variant, message?.variants, message?.reactions, state === "deleted", Boolean(part && isOpen(part))]);
    if (key === this.#parts) return;
    const focused = this.under.contains(document.activeElement) ? /** @type {any} */ (document.activeElement).dataset.key : null;
    this.#parts = key;
    this.quote.replaceChildren(...(quoted ? [h("button.quote", { type: "button", data: { testid: "quote" }, onclick: () => this.deeds.jump(quoted) },
      h("span.visually-hidden", {}, "In reply to "), h("b", {}, said?.name ?? "An earlier message"), h("span", {}, said?.text ?? ""))] : []));
    this.under.replaceChildren(...(state === "deleted" ? [] : [this.#variants(message, part), reactionChips(message, this.deeds, this.entry)].filter(Boolean)));
    if (focused) this.under.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Drawn anew only when it is another one or has changed: what plays goes on playing. @param {any} file */
  #drawFile(file) {
    const key = file ? sameness(file) : "";
    if (key === this.#file) return;
    const focused = this.file.contains(document.activeElement);
    this.#file = key;
    this.file.hidden = !file;
    const label = file && file.name && this.entry.mine ? file.name : undefined;
    this.file.replaceChildren(...(file ? [attachment(file, label, { open: () => this.deeds.show(this.entry.id) })] : []));
    if (focused) /** @type {any} */ (this.file.querySelector("button, [tabindex]"))?.focus();
  }

  #variants(message, part) {
    if (!message || (message.variants ?? 1) < 2) return null;
    const { variant, variants } = message;
    const busy = Boolean(part && isOpen(part));
    const arrow = (name, label, step, off) => iconButton(name, label, { disabled: off || busy, data: { testid: `variant-${name === "left" ? "back" : "on"}`, key: `variant-${name}` },
      onclick: () => this.deeds.turn(this.entry, step) });
    return h("div.variants", { role: "group", "aria-label": "Versions of this reply" }, arrow("left", "Version before", -1, variant === 0),
      h("span", { data: { testid: "variant-at" }, "aria-live": "polite" }, h("span.visually-hidden", {}, "Version "), `${variant + 1} / ${variants}`), arrow("right", "Next version", 1, variant >= variants - 1));
  }

  #stamp(at) {
    setText(this.time, timeOfDay(at));
    this.time.dateTime = new Date(at).toISOString();
    this.time.title = fullMoment(at);
  }

  #wait(entry) {
    const state = entry.state === "streaming" && !entry.text ? "thinking" : entry.state;
    const words = WAITING[/** @type {keyof typeof WAITING} */ (state)];
    this.waiting.hidden = !words;
    if (words) setText(this.waiting.lastElementChild, `${this.who.name} ${words}`);
    this.element.classList.toggle("empty", !entry.text && !words && !entry.message?.attachment && !entry.attachment && entry.state !== "deleted");
  }

  #annotate(entry) {
    const note = this.#note(entry);
    this.note.hidden = !note;
    this.note.className = `message-note ${note?.tone ?? ""}`;
    this.note.replaceChildren(...(note?.children ?? []));
  }

  /** @returns {{tone: string, children: any[]}|null} */
  #note(entry) {
    if (entry.state === "deleted") return null;
    if (entry.mine) {
      if (entry.state === "sent") return entry.seen ? { tone: "quiet seen", children: [icon("check"), entry.seen] } : null;
      if (entry.state === "pending") {
        return { tone: "quiet", children: [icon("clock"), entry.error ? `Waiting. ${sendRefused(entry.error)}` : "Sending"] };
      }
      return { tone: "bad", children: [icon("warning"), h("span", {}, `Not sent. ${sendRefused(entry.error)} `,
        h("button.link", { type: "button", data: { testid: "resend-button" }, onclick: () => this.deeds.resend(entry) }, "Try again"), " ",
        h("button.link", { type: "button", data: { testid: "discard-button" }, onclick: () => this.deeds.discard(entry) }, "Discard"))] };
    }
    const ended = entry.reply ?? entry.part;
    if (ended && !isOpen(ended)) {
      const stopped = ended.state === "stopped";
      const again = entry.last && h("button.link", { type: "button", data: { testid: "again-button" }, onclick: () => this.deeds.again(entry) }, stopped ? "Ask again" : "Try again");
      return { tone: stopped ? "quiet" : "bad", children: [icon(stopped ? "stop" : "warning"), h("span", {}, `${replyEnded(ended, this.who.name)} `, again)] };
    }
    const finish = FINISH[entry.state];
    return finish ? { tone: "quiet", children: [icon("stop"), finish] } : null;
  }
}
