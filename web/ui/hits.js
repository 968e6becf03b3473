// @ts-check
/** What a search found: the place that fits with its words marked, and where it leads. */
import { h } from "./dom.js";
import { fullMoment, shortMoment } from "./time.js";

const AFTER_MS = 280;

/** Pieces of plain text, those that fit marked. @param {{text: string, match: boolean}[]} segments */
export function highlighted(segments) {
  return (segments ?? []).map(({ text, match }) => (match ? h("mark", {}, text) : text));
}

/** @param {any} hit @param {{href: string|null, name: string, title?: string, onclick?: (event: Event) => void}} options */
export function messageHit(hit, { href, name, title, onclick }) {
  const { message, highlights } = hit;
  const inner = [h("span.hit-top", {}, h("b", {}, name), title ? h("span.hit-room", {}, title) : null,
    h("time", { datetime: message.createdAt, title: fullMoment(message.createdAt) }, shortMoment(message.createdAt))), h("span.hit-text", { dir: "auto" }, ...highlighted(highlights))];
  return h("li", {}, h("a.hit", { href, onclick, data: { testid: "search-hit", offset: String(message.offset) } }, ...inner));
}

/**
 * A search that asks while one types, and page by page. @param {object} options
 * @param {string} options.id @param {string} options.label @param {string} [options.value]
 * @param {(query: string, cursor: string|null) => Promise<any>} options.ask @param {(item: any) => any} options.draw
 * @param {(query: string) => void} [options.asked]
 */
export function searchBox({ id, label, value = "", ask, draw, asked = () => {} }) {
  const input = h("input", { type: "search", id, placeholder: label, "aria-label": label, maxLength: 200, autocomplete: "off", data: { testid: id }, oninput: () => {
    clearTimeout(timer);
    timer = setTimeout(() => find(), AFTER_MS);
  }, onkeydown: (event) => event.key === "Enter" && !event.isComposing && find() });
  input.value = value;
  const told = h("p.muted", { role: "status", data: { testid: `${id}-told` } });
  const list = h("ul.hits", {});
  const more = h("button.button.quiet.small", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  let timer = /** @type {any} */ (0);
  let stamp = 0;
  let cursor = /** @type {string|null} */ (null);

  function find() {
    clearTimeout(timer);
    cursor = null;
    asked(input.value.trim());
    load(true);
  }

  async function load(anew = false) {
    const query = input.value.trim();
    const mine = ++stamp;
    if (!query) {
      list.replaceChildren();
      told.textContent = "";
      more.hidden = true;
      return;
    }
    try {
      const { items, nextCursor } = await ask(query, anew ? null : cursor);
      if (mine !== stamp) return;
      if (anew) list.replaceChildren();
      list.append(...items.map(draw));
      cursor = nextCursor ?? null;
      more.hidden = !cursor;
      told.textContent = list.children.length ? `${list.children.length}${cursor ? " and more" : ""} found` : "Nothing fits.";
    } catch (error) {
      if (mine === stamp) told.textContent = error.message;
    }
  }

  if (value) find();
  return { input, element: h("div.search-box", {}, h("div.cast-search", {}, input), told, list, more), find };
}
