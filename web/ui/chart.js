// @ts-check
/**
 * Charts of numbers that change over time: bars or lines over an axis with its unit. What a day stands for is told in words, by
 * pointer (a bubble over it), by the arrow keys and to a screen reader; the same numbers stand in a table. Lines differ by their
 * dashes and marks, not by colour alone.
 */
import { h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [720, 240, 64, 28, 28];
const STEPS = 4;
/** Days that get a word under the axis. */
const WORDS = 7;
/** Up to so many days each place of a line has its mark. */
const MARKS_MAX = 31;

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

/** Where the axis ends for what is counted: its quarters are whole. @param {number} most */
export function roundUpWhole(most) {
  const top = roundUp(most);
  return top < 40 ? Math.ceil(top / 4) * 4 : top;
}

/** The place at which a key ends up, from this one; none where it leads nowhere. @param {string} key @param {number} at @param {number} count */
export function steered(key, at, count) {
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: count - 1 }[key];
  return to === undefined || at < 0 || to < 0 || to >= count ? undefined : to;
}

/**
 * Strokes through what is known: a gap where nothing is, and single places apart.
 * @param {(number|null)[]} values @returns {number[][]} the places of each stroke
 */
export function strokes(values) {
  const found = /** @type {number[][]} */ ([]);
  values.forEach((value, at) => {
    if (value === null) return;
    if (at > 0 && values[at - 1] !== null) found[found.length - 1].push(at);
    else found.push([at]);
  });
  return found;
}

/**
 * @typedef {{x: (at: number) => number, y: (value: number) => number, slot: number, bottom: number}} Geometry
 * @typedef {{title: string, unit?: string, labels: string[], words: string[], top: number, format: (value: number) => string, kind: string,
 *   head: string[], cells: string[][], legend?: any, behind?: (geometry: Geometry) => any[], mark: (at: number, geometry: Geometry) => any[]}} Plot
 */

/** The frame that all of them share. @param {Plot} plot */
function figure({ title, unit, labels, words, top, format, kind, head, cells, legend, behind, mark }) {
  const plot = { width: WIDTH - LEFT - 8, height: HEIGHT - TOP - BOTTOM };
  const slot = plot.width / labels.length;
  const y = (/** @type {number} */ value) => TOP + plot.height * (1 - value / top);
  const geometry = { x: (/** @type {number} */ at) => LEFT + slot * (at + 0.5), y, slot, bottom: TOP + plot.height };
  const grid = Array.from({ length: STEPS + 1 }, (_, step) => (top / STEPS) * step).map((value) => svg("g", { "aria-hidden": "true" },
    svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value), class: "chart-line" }),
    svg("text", { x: LEFT - 8, y: y(value) + 4, class: "chart-word", "text-anchor": "end" }, format(value))));
  const every = Math.ceil(labels.length / WORDS);
  const axis = labels.map((label, at) => at % every === 0 ? svg("text", { x: geometry.x(at), y: HEIGHT - 8, class: "chart-word", "text-anchor": "middle", "aria-hidden": "true" }, label) : "");
  const named = unit ? svg("text", { x: LEFT, y: 14, class: "chart-word chart-unit", "aria-hidden": "true" }, unit) : "";
  const said = h("p.chart-said", { role: "status" });
  const bubble = h("div.chart-bubble", { "aria-hidden": "true", hidden: true });
  const columns = labels.map((label, at) => {
    // The whole column answers to the pointer, also where nothing stands in it.
    const column = svg("g", { tabindex: at ? -1 : 0, role: "img", "aria-label": `${label}: ${words[at]}`, class: "chart-column" },
      svg("rect", { x: LEFT + slot * at, y: TOP, width: slot, height: plot.height, class: "chart-reach" }), ...mark(at, geometry));
    const show = () => {
      said.textContent = `${label}: ${words[at]}`;
      bubble.replaceChildren(h("b", {}, label), h("span", {}, words[at]));
      bubble.hidden = false;
      const share = geometry.x(at) / WIDTH;
      bubble.style.left = `${share * 100}%`;
      // Never beyond the edge.
      bubble.style.transform = `translateX(${share > 0.66 ? "-100%" : share < 0.34 ? "0" : "-50%"})`;
    };
    column.addEventListener("pointerenter", show);
    column.addEventListener("focus", show);
    return column;
  });
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart-picture", role: "group", "aria-label": `${title}, ${labels.length} ${kind}` },
    named, ...grid, ...axis, ...(behind ? behind(geometry) : []), ...columns);
  const hide = () => { bubble.hidden = true; };
  picture.addEventListener("pointerleave", hide);
  picture.addEventListener("focusout", hide);
  picture.addEventListener("keydown", (/** @type {any} */ event) => {
    if (event.key === "Escape") hide();
    const at = columns.indexOf(/** @type {any} */ (document.activeElement));
    const to = steered(event.key, at, columns.length);
    if (to === undefined) return;
    event.preventDefault();
    columns[at].setAttribute("tabindex", "-1");
    columns[to].setAttribute("tabindex", "0");
    /** @type {any} */ (columns[to]).focus();
  });
  const rows = labels.map((label, at) => h("tr", {}, h("th", { scope: "row" }, label), ...cells[at].map((cell, column) => h("td", { data: { number: String(column < head.length) } }, cell))));
  return h("figure.chart", {}, h("figcaption", {}, title), legend ?? null, h("div.chart-stage", {}, picture, bubble), said,
    h("details.chart-table", {}, h("summary", {}, "As a table"), h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": title },
      h("table", {}, head.length > 1 ? h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Day"), ...head.map((name) => h("th", { scope: "col", data: { number: "true" } }, name)))) : null,
        h("tbody", {}, ...rows)))));
}

/** @param {string} title @param {string} words */
const nothing = (title, words) => h("figure.chart", {}, h("figcaption", {}, title), h("p.muted", {}, words));

/**
 * Bars over an axis of time.
 * @param {{title: string, unit?: string, whole?: boolean, points: {label: string, value: number, detail?: string}[],
 *   format: (value: number) => string, empty?: string}} chart `whole`: what is counted comes in whole numbers
 */
export function bars({ title, unit, whole = false, points, format, empty = "Nothing in this time." }) {
  if (!points.some((point) => point.value > 0)) return nothing(title, empty);
  const most = Math.max(...points.map((point) => point.value));
  return figure({
    title, unit, format, kind: "bars", top: (whole ? roundUpWhole : roundUp)(most), head: [title],
    labels: points.map((point) => point.label),
    words: points.map((point) => `${format(point.value)}${point.detail ? `, ${point.detail}` : ""}`),
    cells: points.map((point) => [format(point.value), point.detail ?? ""]),
    mark: (at, { x, y, slot, bottom }) => {
      const { value } = points[at];
      const height = Math.max(value > 0 ? 2 : 0, bottom - y(value));
      return [svg("rect", { x: x(at) - slot * 0.36, y: bottom - height, width: slot * 0.72, height, rx: Math.min(4, slot / 4), class: "chart-bar" })];
    },
  });
}

/** How a line is told from the others: by its dashes and its mark. */
const LOOKS = ["first", "second", "third"];

/** @param {string} look @param {number} x @param {number} y */
function dot(look, x, y) {
  const shared = { class: "chart-dot", "data-look": look };
  if (look === "second") return svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8, ...shared });
  if (look === "third") return svg("path", { d: `M${x} ${y - 5}l5 9h-10z`, ...shared });
  return svg("circle", { cx: x, cy: y, r: 4, ...shared });
}

/**
 * Up to three lines over an axis of time; a null is a gap.
 * @param {{title: string, unit?: string, whole?: boolean, labels: string[], series: {name: string, values: (number|null)[]}[],
 *   format: (value: number) => string, empty?: string}} chart
 */
export function lines({ title, unit, whole = false, labels, series, format, empty = "Nothing in this time." }) {
  const all = series.flatMap(({ values }) => values.filter((value) => value !== null));
  if (!all.some((value) => value > 0)) return nothing(title, empty);
  const told = (/** @type {number|null} */ value) => value === null ? "–" : format(value);
  const legend = h("ul.chart-legend", { "aria-hidden": "true" }, ...series.map(({ name }, at) => h("li", {},
    svg("svg", { viewBox: "0 0 34 12", class: "chart-key" }, svg("path", { d: "M1 6H33", class: "chart-stroke", "data-look": LOOKS[at] }), dot(LOOKS[at], 17, 6)), name)));
  return figure({
    title, unit, format, labels, legend, kind: "places", top: (whole ? roundUpWhole : roundUp)(Math.max(...all)), head: series.map(({ name }) => name),
    words: labels.map((_, at) => series.map(({ name, values }) => `${name} ${told(values[at])}`).join(", ")),
    cells: labels.map((_, at) => series.map(({ values }) => told(values[at]))),
    behind: ({ x, y }) => series.map(({ values }, look) => svg("path", {
      d: strokes(values).map((places) => places.map((at, nth) => `${nth ? "L" : "M"}${x(at).toFixed(1)} ${y(values[at] ?? 0).toFixed(1)}`).join("")).join(""),
      class: "chart-stroke", "data-look": LOOKS[look] })),
    mark: (at, { x, y, bottom }) => [
      svg("line", { x1: x(at), x2: x(at), y1: TOP, y2: bottom, class: "chart-rule" }),
      ...series.flatMap(({ values }, look) => {
        const value = values[at];
        const alone = (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
        return value !== null && (labels.length <= MARKS_MAX || alone) ? [dot(LOOKS[look], x(at), y(value))] : [];
      }),
    ],
  });
}

/**
 * Shares of a whole, the largest first: each with its words, so that the length of the bar only repeats them.
 * @param {{title: string, parts: {name: string, href?: string|null, value: string, percent: number}[], empty?: string, testid?: string}} chart
 */
export function shares({ title, parts, empty = "Nobody in this time.", testid }) {
  if (!parts.length) return nothing(title, empty);
  return h("figure.chart", {}, h("figcaption", {}, title), h("ol.shares", { data: testid ? { testid } : {} }, ...parts.map(({ name, href, value, percent }) => {
    const bar = h("span.share-bar", { "aria-hidden": "true" }, h("span", {}));
    bar.firstChild.style.width = `${Math.max(1, Math.min(100, percent))}%`;
    return h("li", {}, h("span.share-name", {}, href ? h("a.link", { href }, name) : name), h("span.share-value", {}, `${value}, ${percent.toLocaleString()}\u00a0%`), bar);
  })));
}
