// @ts-check
/**
 * What a conversation shows, as plain data: stored messages, one's own on their way, replies under way or ended badly, in
 * the order of the page. Pure, so that it can be tested without a page.
 */
import { isOpen, partOf } from "../../client/replies.js";

const GROUP_MS = 5 * 60 * 1000;

/**
 * @typedef {object} Entry
 * @property {string} key        stays the same from "sending" to "sent" and from the first delta to the stored reply
 * @property {string} id         of the message; the clientId while it has none
 * @property {"user"|"character"} kind
 * @property {string} senderId
 * @property {boolean} mine
 * @property {string} state      sent, pending, failed; complete, queued, thinking, streaming, stopped, interrupted, length; deleted
 * @property {string} text
 * @property {string|number} at
 * @property {boolean} grouped   follows another of the same sender closely
 * @property {any} [message]     the stored message, if it is one
 * @property {string} [quoted]   the id of the message that it answers, where that is worth showing
 * @property {any} [error]       of a message that was refused or still waits
 * @property {any} [reply]       one that ended without a message
 * @property {any} [part]        a reply that becomes part of this message: under way, or ended badly
 * @property {any} [attachment]  of a message on its way: what it carries
 * @property {boolean} [last]    the newest failure, which can be tried again
 * @property {boolean} [unread]  the first one that was not read when the page was opened
 */

/**
 * @param {import("../../client/room.js").Room} room @param {any[]} outgoing @param {string} userId
 * @param {number|null} [readUntil] where one stood when the page was opened; null shows no line
 * @returns {Entry[]}
 */
export function entriesOf(room, outgoing, userId, readUntil = null) {
  const messages = room.shown();
  const stored = new Set(messages.map(({ clientId }) => clientId).filter(Boolean));
  const { open, ended, parts } = sorted(room);
  const entries = [];
  for (const message of messages) {
    entries.push(ofMessage(message, userId, parts.get(message.id)));
    for (const reply of ended.get(message.id) ?? []) entries.push(ofReply(reply, message.createdAt));
  }
  if (!room.past) {
    for (const one of outgoing) if (!stored.has(one.clientId)) entries.push(ofOutgoing(one, userId));
    const asked = (reply) => room.messages.get(reply.inReplyTo)?.offset ?? Infinity;
    for (const reply of open.sort((a, b) => asked(a) - asked(b) || 0)) entries.push(ofReply(reply, Date.now()));
  }
  const last = entries.findLast(({ kind, mine }) => kind === "character" || mine);
  if (last && [last.reply, last.part].some((reply) => reply && !isOpen(reply))) last.last = true;
  if (readUntil !== null) {
    const first = entries.find(({ message, mine }) => message && !mine && message.offset > readUntil && !message.deletedAt);
    if (first) first.unread = true;
  }
  quote(entries);
  group(entries);
  return entries;
}

/** Replies by what becomes of them: messages of their own, failures below their question, parts of a message. */
function sorted(room) {
  const open = [];
  const ended = new Map();
  const parts = new Map();
  for (const reply of room.replies.values()) {
    const part = partOf(reply);
    if (part) parts.set(part, reply);
    else if (isOpen(reply) || !room.messages.has(reply.inReplyTo)) open.push(reply);
    else ended.set(reply.inReplyTo, [...(ended.get(reply.inReplyTo) ?? []), reply]);
  }
  return { open, ended, parts };
}

function ofMessage(message, userId, part) {
  const mine = message.sender.kind === "user" && message.sender.id === userId;
  const finish = message.sender.kind === "character" ? message.finish ?? "complete" : "sent";
  const running = part && isOpen(part);
  const text = !running ? message.content : part.variantOf ? part.text : message.content + part.text;
  return { key: mine && message.clientId ? `c:${message.clientId}` : `m:${message.id}`, id: message.id, kind: message.sender.kind,
    senderId: message.sender.id, mine, text, at: message.createdAt, grouped: false, message, part,
    state: message.deletedAt ? "deleted" : running ? part.state : finish };
}

function ofOutgoing(outgoing, userId) {
  return { key: `c:${outgoing.clientId}`, id: outgoing.clientId, kind: /** @type {"user"} */ ("user"), senderId: userId, mine: true,
    text: outgoing.content, at: outgoing.createdAt, grouped: false, state: outgoing.state, error: outgoing.error, clientId: outgoing.clientId,
    quoted: outgoing.fields?.replyTo, attachment: outgoing.fields?.attachment ? { ...outgoing.fields.attachment, state: "processing" } : undefined };
}

function ofReply(reply, at) {
  return { key: `m:${reply.messageId}`, id: reply.messageId, kind: /** @type {"character"} */ ("character"), senderId: reply.characterId,
    mine: false, text: reply.text, at, grouped: false, state: reply.state, reply };
}

/** An answer right under its question needs no quote; one further down does. */
function quote(entries) {
  entries.forEach((entry, at) => {
    const answered = entry.message?.replyTo;
    if (!answered || entry.state === "deleted") return;
    let before = at - 1;
    while (entry.kind === "character" && before >= 0 && entries[before].kind === "character" && entries[before].id !== answered
      && (entries[before].message?.replyTo === answered || entries[before].reply?.inReplyTo === answered)) before -= 1;
    if (entry.kind === "user" || entries[before]?.id !== answered) entry.quoted = answered;
  });
}

function group(entries) {
  entries.forEach((entry, at) => {
    const before = entries[at - 1];
    entry.grouped = Boolean(before) && before.senderId === entry.senderId && !before.reply && !entry.reply && !entry.quoted && !entry.unread
      && new Date(entry.at).getTime() - new Date(before.at).getTime() < GROUP_MS && sameDay(before.at, entry.at);
  });
}

/** @param {string|number} a @param {string|number} b */
export function sameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}
