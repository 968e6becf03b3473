// @ts-check
/** What a view remembers while the page lives: what was begun, how one looked last. It is one person's: the next one finds none of it. */

/** @type {(() => void)[]} */
const all = [];

/** @template {object} T @param {T} first what it is for somebody new @returns {T} */
export function kept(first) {
  const value = structuredClone(first);
  all.push(() => Object.assign(value, structuredClone(first)));
  return value;
}

/** @template K, V @returns {Map<K, V>} */
export function keptMap() {
  const value = new Map();
  all.push(() => value.clear());
  return value;
}

/** Somebody signs out. */
export function forgetKept() {
  for (const forget of all) forget();
}
