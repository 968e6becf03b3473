// @ts-check
/** Times and numbers for people, in the browser's own language and time zone. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const shortWeekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const longDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 });
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** @param {Date} date */
const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
/** @param {Date} date whole days between it and today */
const daysAgo = (date) => Math.round((startOfDay(new Date()) - startOfDay(date)) / 86400000);

/** @param {string|number} at */
export const timeOfDay = (at) => clock.format(new Date(at));
/** @param {string|number} at */
export const fullMoment = (at) => moment.format(new Date(at));
/** @param {number} value */
export const formatNumber = (value) => number.format(value);
/** "3.84M", where there is room for little. @param {number} value */
export const compactNumber = (value) => (value < 10000 ? number : compact).format(value);

/** A moment by somebody's own clock. Where that is not this device's, its zone is named. @param {string|number} at @param {string} [zone] */
export function momentIn(at, zone) {
  if (!zone || zone === moment.resolvedOptions().timeZone) return fullMoment(at);
  try {
    return `${new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", timeZone: zone }).format(new Date(at))} (${zone.replaceAll("_", " ")})`;
  } catch {
    return fullMoment(at);                            // a zone that this browser does not know
  }
}

/** A day, without its hour. @param {string|number} at */
export const longDate = (at) => longDay.format(new Date(at));

/** "Today", "Yesterday", "Monday", "3 May 2025". @param {string|number} at */
export function dayName(at) {
  const date = new Date(at);
  const days = daysAgo(date);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return days < 7 ? weekday.format(date) : longDay.format(date);
}

/** As short as a list needs it. @param {string|number} at */
export function shortMoment(at) {
  const date = new Date(at);
  const days = daysAgo(date);
  if (days <= 0) return clock.format(date);
  return days < 7 ? shortWeekday.format(date) : shortDay.format(date);
}

/** "in 3 hours". @param {string} at */
export function fromNow(at) {
  const minutes = Math.max(1, Math.round((new Date(at).getTime() - Date.now()) / 60000));
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  if (minutes < 60) return relative.format(minutes, "minute");
  if (minutes < 48 * 60) return relative.format(Math.round(minutes / 60), "hour");
  return relative.format(Math.round(minutes / 1440), "day");
}

/** "2 d 4 h", "3 min 5 s". @param {number} seconds */
export function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts = [];
  let rest = Math.max(0, Math.floor(seconds));
  for (const [name, size] of /** @type {[string, number][]} */ (units)) {
    if (rest >= size || (name === "s" && !parts.length)) parts.push(`${Math.floor(rest / size)} ${name}`);
    rest %= size;
  }
  return parts.slice(0, 2).join(" ");
}

/** "5 minutes ago". @param {string} at */
export function ago(at) {
  const minutes = Math.round((Date.now() - new Date(at).getTime()) / 60000);
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  if (minutes < 1) return "just now";
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 48 * 60) return relative.format(-Math.round(minutes / 60), "hour");
  return relative.format(-Math.round(minutes / 1440), "day");
}
