// @ts-check
/**
 * What a conversation shows, as plain data: stored messages, one's own on their way, replies under way or ended badly, in
 * the order of the page. Pure, so that it can be tested without a page.
 */
import { isOpen } from "../client/room.js";

const GROUP_MS = 5 * 60 * 1000;

/**
 * @typedef {object} Entry
 * @property {string} key        stays the same from "sending" to "sent" and from the first delta to the stored reply
 * @property {string} id         of the message; the clientId while it has none
 * @property {"user"|"character"} kind
 * @property {string} senderId
 * @property {boolean} mine
 * @property {string} state      sent, pending, failed; complete, queued, thinking, streaming, stopped, interrupted, length
 * @property {string} text
 * @property {string|number} at
 * @property {boolean} grouped   follows another of the same sender closely
 * @property {any} [error]       of a message that was refused or still waits
 * @property {any} [reply]       one that ended without a message
 * @property {boolean} [last]    the newest failure, which can be tried again
 */

/**
 * @param {import("../client/room.js").Room} room @param {any[]} outgoing @param {string} userId
 * @returns {Entry[]}
 */
export function entriesOf(room, outgoing, userId) {
  const messages = room.list();
  const stored = new Set(messages.map(({ clientId }) => clientId).filter(Boolean));
  const ended = new Map();
  const open = [];
  for (const reply of room.replies.values()) {
    if (isOpen(reply) || !room.messages.has(reply.inReplyTo)) open.push(reply);
    else ended.set(reply.inReplyTo, [...(ended.get(reply.inReplyTo) ?? []), reply]);
  }
  const entries = [];
  for (const message of messages) {
    entries.push(ofMessage(message, userId));
    for (const reply of ended.get(message.id) ?? []) entries.push(ofReply(reply, message.createdAt));
  }
  for (const one of outgoing) if (!stored.has(one.clientId)) entries.push(ofOutgoing(one, userId));
  const asked = (reply) => room.messages.get(reply.inReplyTo)?.offset ?? Infinity;
  for (const reply of open.sort((a, b) => asked(a) - asked(b) || 0)) entries.push(ofReply(reply, Date.now()));
  const last = entries.findLast(({ kind, mine }) => kind === "character" || mine);
  if (last?.reply && !isOpen(last.reply)) last.last = true;
  group(entries);
  return entries;
}

function ofMessage(message, userId) {
  const mine = message.sender.kind === "user" && message.sender.id === userId;
  return { key: mine && message.clientId ? `c:${message.clientId}` : `m:${message.id}`, id: message.id, kind: message.sender.kind,
    senderId: message.sender.id, mine, text: message.content, at: message.createdAt, grouped: false,
    state: message.sender.kind === "character" ? message.finish ?? "complete" : "sent" };
}

function ofOutgoing(outgoing, userId) {
  return { key: `c:${outgoing.clientId}`, id: outgoing.clientId, kind: /** @type {"user"} */ ("user"), senderId: userId, mine: true,
    text: outgoing.content, at: outgoing.createdAt, grouped: false, state: outgoing.state, error: outgoing.error, clientId: outgoing.clientId };
}

function ofReply(reply, at) {
  return { key: `m:${reply.messageId}`, id: reply.messageId, kind: /** @type {"character"} */ ("character"), senderId: reply.characterId,
    mine: false, text: reply.text, at, grouped: false, state: reply.state, reply };
}

function group(entries) {
  entries.forEach((entry, at) => {
    const before = entries[at - 1];
    entry.grouped = Boolean(before) && before.senderId === entry.senderId && !before.reply && !entry.reply
      && new Date(entry.at).getTime() - new Date(before.at).getTime() < GROUP_MS && sameDay(before.at, entry.at);
  });
}

/** @param {string|number} a @param {string|number} b */
export function sameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
