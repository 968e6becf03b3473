// @ts-check
/** A new avatar from a few words. What it costs and what there is stand before the button. */
import { randomId } from "../../client/random.js";
import { h, icon, iconButton } from "../dom.js";
import { field, form } from "../form.js";
import { creditWords, VISIBILITIES } from "./words.js";

const IDEAS = ["A retired pilot who grows tea and has a dry sense of humour", "A lighthouse keeper who collects other people's stories", "A detective of the year 2190 who is afraid of cats"];

/** @param {any} context see app.js @param {{made: (answer: any) => void, cancel: () => void}} options */
export function newAvatar({ api, state }, { made, cancel }) {
  let clientId = randomId();
  const name = field("avatar-name", "Name", { maxLength: 80, autocomplete: "off" }, { key: "name" });
  const description = field("avatar-description", "Who is it?", { rows: "4", minLength: 3, maxLength: 4000, dir: "auto", placeholder: IDEAS[Math.floor(Math.random() * IDEAS.length)] },
    { key: "description", kind: "textarea", hint: "A few words are enough: what it does, how it speaks, how it looks. The AI writes the rest, and you can change all of it." });
  const category = field("avatar-category", "Category", { required: false, maxLength: 80 }, { key: "category", suggest: [...new Set([...state.characters.values()].map((one) => one.category).filter(Boolean))] });
  const tags = field("avatar-tags", "Tags", { required: false }, { key: "tags", hint: "With commas between them" });
  const visibility = field("avatar-visibility", "Who may talk with it", {}, { key: "visibility", kind: "select", options: Object.entries(VISIBILITIES) });
  const cost = h("p.wish-cost", { "aria-live": "polite", data: { testid: "avatar-cost" } });
  const wish = form({ id: "avatar", fields: [name, description, visibility, category, tags], extra: [cost], submit: "Have it written",
    send: ({ tags: words = "", ...values }) => api.postPatiently("/api/avatars", { ...values, clientId, tags: words.split(",").map((tag) => tag.trim()).filter(Boolean) }),
    done: (answer) => {
      clientId = randomId();
      state.emit("billing");
      made(answer);
    } });
  // Another wish is another avatar, and another payment.
  wish.element.addEventListener("input", () => { clientId = randomId(); });
  wish.element.classList.add("avatar-form");
  visibility.input.value = "private";
  Promise.all([api.get("/api/avatars/limit"), api.get("/api/credits")]).then(([limit, balance]) => {
    const price = limit.credits;
    const poor = price !== undefined && balance.available < price;
    wish.button.disabled = poor;
    if (price !== undefined) wish.button.textContent = `Have it written for ${creditWords(price)}`;
    cost.replaceChildren(price === undefined ? "" : `It costs ${creditWords(price)} when it is written, and nothing if that fails. `, `You have ${creditWords(balance.available)}. `,
      poor ? h("b", {}, "You have too few. ") : "", poor ? h("a.link", { href: "#/account/credits" }, "More credits") : "");
  }).catch(() => {});                                 // the server says what is missing when it is sent
  const element = h("section.panel", { "aria-labelledby": "avatar-new-title" },
    h("div.panel-head", {}, h("h2", { id: "avatar-new-title" }, icon("wand"), " A new avatar"), iconButton("close", "Close", { data: { testid: "avatar-cancel" }, onclick: cancel })), wish.element);
  return { element, focus: () => name.input.focus() };
}
