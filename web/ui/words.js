// @ts-check
/** What the protocol's codes mean, said to a person. */
import { fromNow, momentIn } from "./time.js";

const REPLY_ENDED = {
  provider_unavailable: "the model behind this character cannot be reached right now",
  provider_timeout: "the answer took too long",
  provider_refused: "the model declined to answer",
  content_refused: "the answer was held back by moderation",
  interrupted: "the server was interrupted",
  overloaded: "too many answers are waiting",
  internal: "something went wrong on our side",
};

/** Why a reply is not there. @param {{state: string, code?: string}} reply @param {string} name of the character */
export function replyEnded({ state, code }, name) {
  if (state === "stopped") return "You stopped this reply.";
  const reason = REPLY_ENDED[/** @type {keyof typeof REPLY_ENDED} */ (code)];
  const start = state === "interrupted" ? `${name}'s reply broke off` : `${name} could not answer`;
  return reason ? `${start}: ${reason}.` : `${start}.`;
}

/** Under a reply that stands but is not whole. @type {Record<string, string>} */
export const FINISH = {
  stopped: "Stopped here",
  length: "Cut at the length limit",
  interrupted: "Broke off here",
  refused: "Did not go on with this",
};

const SEND_REFUSED = {
  content_empty: "There is nothing in this message.",
  content_too_long: "This message is too long.",
  content_invalid: "This message holds characters that cannot be sent.",
  out_of_credits: "Not enough credits are left.",
  quota_exceeded: "Your plan's limit is reached.",
  rate_limited: "You are writing faster than allowed.",
  room_busy: "Too many replies are waiting in this conversation.",
  overloaded: "The server is very busy.",
  dependency_down: "The server cannot store messages right now.",
  draining: "The server is restarting.",
  timeout: "The server did not answer.",
  outcome_unknown: "It is not certain that this message was stored.",
  not_found: "This conversation is no longer there.",
  forbidden: "You may not write here.",
  internal: "Something went wrong on our side.",
};

/** Why a message was not taken. @param {{code: string, message: string}} error */
export function sendRefused(error) {
  return SEND_REFUSED[/** @type {keyof typeof SEND_REFUSED} */ (error.code)] ?? error.message;
}

/** Why the connection will not come back by itself. @type {Record<string, string>} */
export const STOPPED = {
  signed_out: "You have been signed out. Please sign in again.",
  ended_by_admin: "An administrator ended this session.",
  too_many_connections: "Greenroom is open in too many places. Close one of them, then reconnect.",
  protocol: "This page and the server do not understand each other. Reloading may help.",
  frame_too_large: "That was too large to send.",
  closed: "The connection is closed.",
};

/** "with Ada", "today", "this month". @param {any} limit @param {string} name */
export function limitName(limit, name) {
  if (limit.scope === "character") return `messages with ${name}`;
  return limit.window === "month" ? "messages this month" : limit.window === "lifetime" ? "messages" : "messages today";
}

/** @param {any} limit @param {string} [zone] the person's own, by which days begin */
export function limitReset(limit, zone) {
  if (limit.resetsAt) return `A new allowance begins ${fromNow(limit.resetsAt)}, on ${momentIn(limit.resetsAt, zone)}.`;
  return "This allowance does not renew.";
}

/** "Ada is typing", "Ada and Bo are typing". @param {string[]} names */
export function typingWords(names) {
  if (!names.length) return "";
  if (names.length > 3) return "Several are typing";
  return names.length === 1 ? `${names[0]} is typing` : `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are typing`;
}
