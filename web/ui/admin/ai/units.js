// @ts-check
/** Money and spans of the AI pages. Money comes in micro-dollars: millionths of a US dollar. */
import { formatNumber } from "../../time.js";

const usd = (/** @type {number} */ digits) => new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", minimumFractionDigits: 2, maximumFractionDigits: digits });
const [coarse, fine, finest] = [usd(2), usd(4), usd(6)];

/** "$1.25", and for what is less than a cent as many digits as it takes. @param {number} micros */
export function dollars(micros) {
  const value = micros / 1e6;
  return (value === 0 || value >= 1 ? coarse : value >= 0.01 ? fine : finest).format(value);
}

/** The price of a million tokens. @param {number} value US dollars */
export const dollarsPerMillion = (value) => fine.format(value);

/** "320 ms", "1.4 s". @param {number} value */
export const millis = (value) => (value < 1000 ? `${formatNumber(Math.round(value))} ms` : `${formatNumber(value / 1000)} s`);
