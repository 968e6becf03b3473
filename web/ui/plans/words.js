// @ts-check
/** Plans, subscriptions and payments in the words of a person. */
import { money } from "../money.js";
import { formatNumber } from "../time.js";

/** @type {Record<string, string>} */
const FEATURES = {
  all: "Everything there is", cheap_models: "The quick models", all_models: "All models", premium_gallery: "Premium pictures in galleries",
  audio_replies: "Spoken replies",
};
/** @type {Record<string, string>} */
const WINDOWS = { lifetime: "in all", day: "a day", month: "a month" };

/** "premium" -> "Premium". @param {string|null|undefined} name */
export function planName(name) {
  if (!name) return "No plan";
  return name[0].toUpperCase() + name.slice(1).replaceAll(/[_-]+/g, " ");
}

/** @param {any} plan */
export const isSubscription = (plan) => plan.term === "month" || plan.term === "year";

/** "for 15 days", "a month". @param {any} plan */
export function termWords({ term, days }) {
  if (term === "days") return days === 1 ? "for one day" : `for ${formatNumber(days ?? 0)} days`;
  return term === "month" ? "a month" : term === "year" ? "a year" : "";
}

/** "$9.99 a month". @param {any} plan */
export function priceWords(plan) {
  return plan.priceCents ? `${money(plan.priceCents, plan.currency)} ${termWords(plan)}`.trim() : "Free of charge";
}

/** What a plan gives, a line each. @param {any} plan */
export function planLines(plan) {
  const { messagesPerDay, perCharacter, credits, avatars, class: kind, priority, features = [] } = plan;
  return [
    messagesPerDay ? `${formatNumber(messagesPerDay)} messages a day` : perCharacter ? "No limit over the day" : "As many messages as you like",
    perCharacter ? perCharacterWords(perCharacter) : "",
    credits ? `${formatNumber(credits)} credits ${plan.term === "days" ? "with it" : plan.term === "endless" ? "at the start" : "each month"}` : "",
    avatars ? `${formatNumber(avatars)} ${avatars === 1 ? "avatar" : "avatars"} of your own` : "",
    kind === "premium" ? "No limit of messages a minute" : "",
    priority !== undefined && priority <= 1 ? "Answered first when the house is full" : "",
    ...features.filter((/** @type {string} */ feature) => !(feature === "cheap_models" && features.includes("all_models"))).map((/** @type {string} */ feature) => FEATURES[feature] ?? planName(feature)),
  ].filter(Boolean);
}

/** @param {any} per */
function perCharacterWords({ text, audio, media, window }) {
  const kinds = /** @type {[number|null, string][]} */ ([[text, "written"], [audio, "spoken"], [media, "picture"]]);
  const limited = kinds.filter(([limit]) => typeof limit === "number");
  if (!limited.length) return "";
  const words = limited.map(([limit, kind]) => `${formatNumber(/** @type {number} */ (limit))} ${kind}`);
  const list = new Intl.ListFormat("en-GB", { type: "conjunction" }).format(words);
  return `${list} replies from each character ${WINDOWS[window] ?? ""}`.trim();
}

/** @type {Record<string, [string, string]>} words and tone */
const STATUSES = {
  active: ["Active", "good"], trialing: ["On trial", "good"], past_due: ["Payment failed", "warn"], unpaid: ["Not paid", "warn"], paused: ["Paused", "warn"],
  incomplete: ["Payment not finished", "warn"], incomplete_expired: ["Never paid", ""], canceled: ["Ended", ""],
};

/** @param {any} subscription @returns {[string, string]} words and tone */
export function subscriptionState({ status, cancelAtPeriodEnd }) {
  if (cancelAtPeriodEnd && (status === "active" || status === "trialing")) return ["Ends with its period", "warn"];
  return STATUSES[status] ?? [planName(status), ""];
}

/** Whether it may still be paid. @param {any} subscription */
export const isLive = ({ status }) => status !== "canceled" && status !== "incomplete_expired";

/** @param {any} payment @returns {[string, string]} words and tone */
export function paymentState({ status, dispute, amountCents, refundedCents }) {
  if (dispute === "open") return ["Disputed", "warn"];
  if (dispute === "lost") return ["Taken back by the bank", "warn"];
  if (status === "succeeded" && refundedCents > 0) return refundedCents >= amountCents ? ["Given back", ""] : ["Given back in part", ""];
  const states = /** @type {Record<string, [string, string]>} */ ({ succeeded: ["Paid", "good"], pending: ["Under way", ""], failed: ["Failed", "warn"], canceled: ["Not made", ""] });
  return states[status] ?? [planName(status), ""];
}

/** What a payment was for. @param {any} payment */
export function paymentFor({ kind, plan, credits }) {
  if (kind === "credits") return `${formatNumber(credits ?? 0)} credits`;
  return kind === "subscription" ? `${planName(plan)}, subscription` : planName(plan);
}
