// @ts-check
/** What is made, in the words of a person. */

/** @type {Record<string, string>} */
export const STATES = { queued: "Waits for its turn", optimizing: "The prompt is being worded", generating: "Being made", storing: "Nearly there", done: "Done", failed: "Failed", canceled: "Cancelled" };
/** @type {Record<string, string>} */
export const QUALITIES = { standard: "Standard", hd: "HD", premium: "Premium" };
/** @type {Record<string, string>} */
export const VISIBILITIES = { private: "Only you", unlisted: "Whoever has the link", public: "Everybody" };

/** @param {{state: string}} content */
export const isMaking = ({ state }) => !["done", "failed", "canceled"].includes(state);
/** Whether it was drawn here because no provider makes pictures. @param {{provider?: string}} content */
export const isPlaceholder = ({ provider }) => provider === "offline";

/** "Square, 1024 × 1024". @param {string} size */
export function sizeName(size) {
  const [width, height] = size.split("x").map(Number);
  if (!width || !height) return size;
  return `${width === height ? "Square" : width > height ? "Wide" : "Tall"}, ${width} × ${height}`;
}

/** "1 credit". @param {number} credits */
export const creditWords = (credits) => `${new Intl.NumberFormat().format(credits)} ${credits === 1 ? "credit" : "credits"}`;

/** Why one may not ask for it now; empty where one may. @param {any} costs @param {"image"|"video"} kind @param {number} price */
export function whyNot(costs, kind, price) {
  if (!costs) return "";
  if (costs[kind]?.available === false) return kind === "video" ? "No provider makes videos here." : "No provider makes pictures here.";
  if (costs.openMax && costs.open >= costs.openMax) return `${costs.open} are being made. Wait until one of them is done.`;
  return price > (costs.balance?.available ?? 0) ? "You have too few credits for it." : "";
}
