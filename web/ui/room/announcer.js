// @ts-check
/** Says finished messages to a screen reader, once each; deltas are for eyes only. */
import { isOpen } from "../../client/replies.js";
import { h } from "../dom.js";
import { preview } from "../text.js";
import { replyEnded } from "../words.js";

const KEPT = 5;
const MAX_LENGTH = 600;

/** What a message carries beside its words. @param {any} file */
const fileWords = (file) => (file ? { image: "a picture", video: "a video", audio: "a sound" }[/** @type {"image"} */ (file.type)] ?? "a file" : "");

export class Announcer {
  #known = new Set();         // ids that were announced, or were there before

  constructor() {
    this.element = h("div.visually-hidden", { role: "log", "aria-live": "polite", "aria-label": "New messages", data: { testid: "announcer" } });
  }

  /** What is there now is not news. @param {import("../../client/room.js").Room} room */
  know(room) {
    for (const { id } of room.shown()) this.#known.add(id);
    for (const [id, reply] of room.replies) if (!isOpen(reply)) this.#known.add(id);
  }

  /** @param {any[]} entries @param {(entry: any) => string} nameOf @returns {number} how many were new */
  say(entries, nameOf) {
    let count = 0;
    for (const entry of entries) {
      const finished = entry.kind === "character" ? !entry.reply || !isOpen(entry.reply) : !entry.mine;
      if (!finished || this.#known.has(entry.id)) continue;
      this.#known.add(entry.id);
      const words = entry.reply ? replyEnded(entry.reply, nameOf(entry)) : `${nameOf(entry)}: ${[fileWords(entry.message?.attachment), preview(entry.text.slice(0, MAX_LENGTH))].filter(Boolean).join(". ")}`;
      this.element.append(h("p", {}, words));
      while (this.element.children.length > KEPT) this.element.firstElementChild.remove();
      count += 1;
    }
    return count;
  }
}
