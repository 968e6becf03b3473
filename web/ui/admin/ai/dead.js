// @ts-check
/** Replies that failed after all tries: why, and to have one made after all. */
import { line, pages, panel } from "../../account/parts.js";
import { h } from "../../dom.js";
import { toast, toastError } from "../../overlays.js";
import { fullMoment } from "../../time.js";

const WHY = {
  provider_unavailable: "No provider answered", provider_timeout: "The provider did not answer in time", provider_refused: "The provider refused", content_refused: "The content was refused",
  interrupted: "The server ended in the middle", overloaded: "Too many replies waited", internal: "Something went wrong here",
};

/** @param {import("./ai.js").Place} place */
export function dead({ api }) {
  const body = h("div.account-body", {});
  const draw = (/** @type {any} */ reply) => {
    const again = h("button.button.quiet.small", { type: "button", data: { testid: "dead-reply-retry" }, onclick: () => retry(reply, again) }, "Try again");
    again.setAttribute("aria-label", `Try again: ${reply.characterName} to ${reply.username}`);
    const item = line([`${reply.characterName} to @${reply.username}`, h("span.tag", { data: { tone: "warn" } }, WHY[/** @type {keyof typeof WHY} */ (reply.code)] ?? reply.code)],
      [fullMoment(reply.failedAt), [reply.provider, reply.model].filter(Boolean).join(" · "), reply.tries ? `${reply.tries} tries` : "", reply.reason].filter(Boolean).join(" · "), again);
    item.dataset.testid = "dead-reply";
    return item;
  };
  const list = () => body.replaceChildren(...pages(api, "/api/admin/dead-replies?limit=20", draw, { empty: "No reply has failed.", testid: "dead-replies" }));

  async function retry(/** @type {any} */ reply, /** @type {any} */ button) {
    button.disabled = true;
    try {
      await api.post(`/api/admin/dead-replies/${encodeURIComponent(reply.id)}/retry`);
      toast({ title: `${reply.characterName} answers again`, level: "success" });
      list();
    } catch (error) {
      button.disabled = false;
      toastError(error, "It cannot be made again");
    }
  }

  list();
  return [panel("Failed replies", h("p.muted", {}, "What people used of their plan was given back to them. Trying again counts as if they asked anew."), body)];
}
