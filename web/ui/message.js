// @ts-check
/** One message on the page. It is made once and then only changed, so that a reply streams and settles without a flicker. */
import { avatar, h, icon, setText } from "./dom.js";
import { showText } from "./text.js";
import { fullMoment, timeOfDay } from "./time.js";
import { FINISH, replyEnded, sendRefused } from "./words.js";

const WAITING = { queued: "is in the queue", thinking: "is thinking" };

export class MessageView {
  #shown = "";

  /**
   * @param {import("./thread.js").Entry} entry @param {any} who the sender: name, color
   * @param {{again: (entry: any) => void, resend: (entry: any) => void, discard: (entry: any) => void}} actions
   */
  constructor(entry, who, actions) {
    this.who = who;
    this.actions = actions;
    this.name = h("span.message-name", {}, entry.mine ? "You" : who.name);
    this.time = h("time.message-time", {});
    this.text = h("div.message-text", {});
    this.waiting = h("div.message-waiting", { hidden: true }, h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", {}));
    this.note = h("div.message-note", { hidden: true });
    this.element = h(`li.message.${entry.mine ? "mine" : "theirs"}`, { data: { testid: "message", senderKind: entry.kind } },
      entry.mine ? null : avatar(who),
      h("div.message-body", {},
        h("div.message-head", {}, this.name, this.time, entry.mine ? h("span.message-sent", {}, icon("check"), h("span.visually-hidden", {}, "Sent")) : null),
        h("div.bubble", {}, this.text, this.waiting),
        this.note));
  }

  /** @param {import("./thread.js").Entry} entry */
  update(entry) {
    const key = [entry.id, entry.state, entry.grouped, entry.last, entry.error?.code, entry.reply?.code, entry.text.length].join("|");
    if (key === this.#shown && entry.text === this.shownText) return;
    this.#shown = key;
    this.shownText = entry.text;
    const { dataset, classList } = this.element;
    dataset.messageId = entry.id;
    dataset.state = entry.state;
    classList.toggle("grouped", entry.grouped);
    showText(this.text, entry.text);
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
    this.element.classList.toggle("empty", !entry.text && !words);
  }

  #annotate(entry) {
    const note = this.#note(entry);
    this.note.hidden = !note;
    this.note.className = `message-note ${note?.tone ?? ""}`;
    this.note.replaceChildren(...(note?.children ?? []));
  }

  /** @returns {{tone: string, children: any[]}|null} */
  #note(entry) {
    if (entry.mine) {
      if (entry.state === "sent") return null;
      if (entry.state === "pending") {
        return { tone: "quiet", children: [icon("clock"), entry.error ? `Waiting. ${sendRefused(entry.error)}` : "Sending"] };
      }
      return { tone: "bad", children: [icon("warning"), h("span", {}, `Not sent. ${sendRefused(entry.error)} `,
        h("button.link", { type: "button", data: { testid: "resend-button" }, onclick: () => this.actions.resend(entry) }, "Try again"), " ",
        h("button.link", { type: "button", data: { testid: "discard-button" }, onclick: () => this.actions.discard(entry) }, "Discard"))] };
    }
    const { reply } = entry;
    if (reply && ["failed", "stopped", "interrupted"].includes(entry.state)) {
      const again = entry.last && h("button.link", { type: "button", data: { testid: "again-button" }, onclick: () => this.actions.again(entry) },
        entry.state === "stopped" ? "Ask again" : "Try again");
      return { tone: entry.state === "stopped" ? "quiet" : "bad",
        children: [icon(entry.state === "stopped" ? "stop" : "warning"), h("span", {}, `${replyEnded(reply, this.who.name)} `, again)] };
    }
    const finish = FINISH[entry.state];
    return finish ? { tone: "quiet", children: [icon("stop"), finish] } : null;
  }
}
