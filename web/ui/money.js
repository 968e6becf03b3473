// @ts-check
/** Money for people. Amounts come in the smallest unit of their currency, as Stripe counts it. */

/** Stripe counts these in hundredths, though they have none any more. */
const HUNDREDTHS = new Set(["ISK", "UGX"]);
const formats = /** @type {Map<string, Intl.NumberFormat>} */ (new Map());

/** "$7.00", "¥700". @param {number} cents @param {string} [currency] three letters */
export function money(cents, currency = "usd") {
  const code = currency.toUpperCase();
  let format = formats.get(code);
  if (!format) {
    format = new Intl.NumberFormat(undefined, /^[A-Z]{3}$/.test(code) ? { style: "currency", currency: code } : { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    formats.set(code, format);
  }
  const digits = HUNDREDTHS.has(code) ? 2 : format.resolvedOptions().maximumFractionDigits ?? 2;
  return format.format(cents / 10 ** digits);
}

/** What was paid, or how much of it was given back: "$7.00", "$2.50 of $7.00". @param {{amount: number | null, ofAmount?: number | null, currency?: string | null}} what */
export function paidWords({ amount, ofAmount, currency }) {
  if (!currency || amount === null) return null;
  return ofAmount ? `${money(amount, currency)} of ${money(ofAmount, currency)}` : money(amount, currency);
}
