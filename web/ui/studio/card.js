// @ts-check
/** One of the pictures and videos that one has had made: how far it is, what it shows, and what can be done with it. */
import { h, icon, iconButton, setText } from "../dom.js";
import { tileFace } from "../media/tile.js";
import { own, saving } from "../media/file.js";
import { nameOf } from "../media/viewer.js";
import { shortMoment, fullMoment } from "../time.js";
import { creditWords, isMaking, isPlaceholder, QUALITIES, sizeName, STATES } from "./words.js";

/**
 * @typedef {object} Deeds
 * @property {(content: any) => void} open
 * @property {(content: any) => void} cancel
 * @property {(content: any) => void} retry
 * @property {(content: any) => void} remove
 * @property {(content: any) => void} reuse     its prompt goes into the form
 * @property {(content: any) => void} film      it becomes the beginning of a video
 * @property {(id: string) => string|undefined} avatarName
 */

/** It is made once and then changed, so that its progress moves and the focus stays. */
export class ContentCard {
  #shown = "";

  /** @param {Deeds} deeds */
  constructor(deeds) {
    this.deeds = deeds;
    this.face = h("div.content-face", {});
    this.told = h("p.content-state", { role: "status" });
    this.bar = h("progress", { max: 100, value: 0, data: { testid: "content-progress" } });
    this.words = h("div.content-words", {});
    this.actions = h("div.content-actions", {});
    this.element = h("li.content", { data: { testid: "content" } }, this.face, h("div.content-body", {}, this.words, this.told, this.bar, this.actions));
  }

  /** @param {any} content */
  update(content) {
    this.content = content;
    const { dataset } = this.element;
    Object.assign(dataset, { contentId: content.id, state: content.state, kind: content.kind, provider: content.provider ?? "" });
    const making = isMaking(content);
    this.bar.hidden = !making;
    this.bar.value = content.progress ?? 0;
    this.bar.setAttribute("aria-label", `${STATES[content.state]}: ${content.progress ?? 0} of 100`);
    setText(this.told, this.#state(content));
    const key = JSON.stringify([content.state, content.prompt, content.optimizedPrompt, content.avatarId, content.file?.state, content.file?.id, this.deeds.avatarName(content.avatarId)]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#draw(content, making);
  }

  #state(content) {
    if (content.state === "failed") return `It failed: ${(content.error?.message ?? "something went wrong").replace(/\.$/, "")}. Nothing was charged.`;
    if (content.state === "canceled") return "You cancelled it. Nothing was charged.";
    if (isMaking(content)) return `${STATES[content.state]}${content.progress ? `, ${content.progress} %` : ""}`;
    return isPlaceholder(content) ? "A drawn placeholder: no provider that makes it is set up here." : "";
  }

  #draw(content, making) {
    const { deeds } = this;
    const focused = this.actions.contains(document.activeElement);
    const kind = content.kind === "video" ? "Video" : "Picture";
    const url = own(content.file?.url);
    this.face.replaceChildren(content.state === "done" && content.file
      ? h("button.tile-face", { type: "button", "aria-label": `Open: ${content.prompt}`, disabled: !url, data: { testid: "content-open" }, onclick: () => deeds.open(this.content) }, ...tileFace(content.file))
      : h("div.tile-face", {}, icon(content.state === "failed" ? "warning" : content.kind === "video" ? "film" : "picture"), making ? h("span.dots", { "aria-hidden": "true" }, h("i"), h("i"), h("i")) : null));
    const facts = [kind, QUALITIES[content.quality], sizeName(content.size), content.seconds ? `${content.seconds} seconds` : "", deeds.avatarName(content.avatarId) ?? "", making || content.state === "done" ? creditWords(content.credits) : ""].filter(Boolean).join(" · ");
    this.words.replaceChildren(h("p.content-prompt", { dir: "auto" }, content.prompt), h("p.muted", {}, facts, " · ", h("time", { datetime: content.createdAt, title: fullMoment(content.createdAt) }, shortMoment(content.createdAt))),
      content.optimizedPrompt && content.optimizedPrompt !== content.prompt ? h("details.content-told", {}, h("summary", { data: { testid: "content-optimized" } }, "What the provider was told"), h("p", { dir: "auto" }, content.optimizedPrompt)) : "");
    const small = (name, text, testid, run) => iconButton(name, text, { data: { testid }, onclick: () => run(this.content) });
    const button = (text, testid, run, look = "quiet") => h(`button.button.${look}.small`, { type: "button", data: { testid }, onclick: () => run(this.content) }, text);
    this.actions.replaceChildren(...[
      making ? button("Cancel", "content-cancel", deeds.cancel) : null,
      ["failed", "canceled"].includes(content.state) ? button(`Try again for ${creditWords(content.credits)}`, "content-retry", deeds.retry) : null,
      url ? h("a.icon-button", { ...saving(url, content.file.name || nameOf(url)), "aria-label": "Download", title: "Download", data: { testid: "content-download" } }, icon("save")) : null,
      making ? null : small("again", "Use the prompt again", "content-reuse", deeds.reuse),
      content.kind === "image" && content.state === "done" ? small("film", "Make a video of it", "content-film", deeds.film) : null,
      making ? null : small("trash", "Delete", "content-delete", deeds.remove)].filter(Boolean));
    if (focused) /** @type {any} */ (this.actions.querySelector("button"))?.focus();
  }
}
