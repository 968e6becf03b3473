// @ts-check
/** Builds DOM without markup strings: whatever a person or a model wrote can only ever become text. */

/**
 * @param {string} tag  may carry classes: "div.card.wide"
 * @param {Record<string, any>} [attributes]  `on…` functions listen; `data` is the dataset; false and null leave one out
 * @param {...any} children  nodes or strings; false and null are skipped
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== false && child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A symbol of the page's sprite; decoration, so hidden from screen readers. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** A button that shows an icon only. @param {string} name @param {string} label @param {Record<string, any>} attributes */
export function iconButton(name, label, attributes) {
  return h("button.icon-button", { type: "button", "aria-label": label, title: label, ...attributes }, icon(name));
}

const FOCUS_FRAMES = 60;

/**
 * Gives the focus. A page whose styles still come does not give it: then it is asked again, frame by frame, for about a second.
 * @param {HTMLElement} element
 */
export function focusOn(element, frames = FOCUS_FRAMES) {
  const before = document.activeElement;
  element.focus();
  if (document.activeElement === element || !element.isConnected || !frames) return;
  requestAnimationFrame(() => document.activeElement === before && focusOn(element, frames - 1));
}

/** Sets text only where it differs, so that a live region is not announced again. @param {any} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * The avatar: a same-origin picture when there is one, else the initial on the character's colour.
 * @param {{name: string, color?: string, avatarUrl?: string|null}} who @param {string} [size] small, medium, large
 */
export function avatar(who, size = "medium") {
  const circle = h(`span.avatar.avatar-${size}`, { "aria-hidden": "true" });
  const color = /^#[0-9a-f]{6}$/i.test(who.color ?? "") ? /** @type {string} */ (who.color) : colorOf(who.name);
  circle.style.setProperty("--avatar", color);
  circle.style.setProperty("--avatar-ink", luminance(color) > 0.3 ? "#16211b" : "#fffaf0");
  if (who.avatarUrl && URL.canParse(who.avatarUrl, location.href) && new URL(who.avatarUrl, location.href).origin === location.origin) {
    circle.append(h("img", { src: who.avatarUrl, alt: "", loading: "lazy" }));
  } else {
    circle.append([...who.name.trim()][0]?.toUpperCase() ?? "?");
  }
  return circle;
}

const PALETTE = ["#2f6b52", "#8a5a2b", "#6b3f5c", "#31607a", "#7a3b34", "#5c6630"];

/** One of a few muted colours, always the same for the same name. @param {string} name */
function colorOf(name) {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return PALETTE[sum % PALETTE.length];
}

/** Relative luminance as WCAG counts it. @param {string} hex */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = parseInt(hex.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
