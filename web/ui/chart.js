// @ts-check
/** Charts of numbers that change over days or differ by name: bars with an axis, a word on each, and the same as a table. */
import { h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [720, 240, 64, 28, 12];
const STEPS = 4;
/** Days that get a word under the axis. */
const WORDS = 7;

/** @param {string} name @param {Record<string, string|number>} attributes @param {...any} children */
function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** The next number whose quarters are round: the axis ends there. @param {number} most */
export function roundUp(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= most * 0.999) ?? 10 * power;
}

/**
 * Bars over an axis of time. Each can be reached by the arrow keys, and says what it stands for.
 * @param {{title: string, points: {label: string, value: number, detail?: string}[], format: (value: number) => string, empty?: string}} chart
 */
export function bars({ title, points, format, empty = "Nothing in this time." }) {
  if (!points.some((point) => point.value > 0)) return h("figure.chart", {}, h("figcaption", {}, title), h("p.muted", {}, empty));
  const top = roundUp(Math.max(...points.map((point) => point.value)));
  const plot = { width: WIDTH - LEFT - 8, height: HEIGHT - TOP - BOTTOM };
  const slot = plot.width / points.length;
  const y = (/** @type {number} */ value) => TOP + plot.height * (1 - value / top);
  const grid = Array.from({ length: STEPS + 1 }, (_, step) => (top / STEPS) * step).map((value) => svg("g", {},
    svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value), class: "chart-line" }),
    svg("text", { x: LEFT - 8, y: y(value) + 4, class: "chart-word", "text-anchor": "end" }, format(value))));
  const every = Math.ceil(points.length / WORDS);
  const words = points.map((point, at) => at % every === 0 ? svg("text", { x: LEFT + slot * (at + 0.5), y: HEIGHT - 8, class: "chart-word", "text-anchor": "middle" }, point.label) : "");
  const said = h("p.chart-said", { role: "status" });
  const rects = points.map((point, at) => {
    const height = Math.max(point.value > 0 ? 2 : 0, plot.height * (point.value / top));
    const words = `${point.label}: ${format(point.value)}${point.detail ? `, ${point.detail}` : ""}`;
    const bar = svg("rect", { x: LEFT + slot * at + slot * 0.14, y: TOP + plot.height - height, width: slot * 0.72, height, rx: Math.min(4, slot / 4), class: "chart-bar" });
    // The whole column answers to the pointer, also where the bar is low.
    const column = svg("g", { tabindex: at ? -1 : 0, role: "img", "aria-label": words, class: "chart-column" },
      svg("rect", { x: LEFT + slot * at, y: TOP, width: slot, height: plot.height, fill: "transparent" }), bar);
    const say = () => { said.textContent = words; };
    column.addEventListener("pointerenter", say);
    column.addEventListener("focus", say);
    return column;
  });
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart-picture", role: "group", "aria-label": `${title}, ${points.length} bars` }, ...grid, ...words, ...rects);
  picture.addEventListener("keydown", (/** @type {any} */ event) => {
    const at = rects.indexOf(/** @type {any} */ (document.activeElement));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: rects.length - 1 }[/** @type {string} */ (event.key)];
    if (at < 0 || to === undefined || !rects[to]) return;
    event.preventDefault();
    rects[at].setAttribute("tabindex", "-1");
    rects[to].setAttribute("tabindex", "0");
    /** @type {any} */ (rects[to]).focus();
  });
  return h("figure.chart", {}, h("figcaption", {}, title), picture, said,
    h("details.chart-table", {}, h("summary", {}, "As a table"), h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": title },
      h("table", {}, h("tbody", {}, ...points.map((point) => h("tr", {}, h("th", { scope: "row" }, point.label), h("td", { data: { number: "true" } }, format(point.value)), h("td", {}, point.detail ?? "")))))))) ;
}
