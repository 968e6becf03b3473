import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Room } from "../client/room.js";
import { entriesOf } from "../ui/room/thread.js";
import { message, snapshot } from "./fake-server.mjs";

const member = (id, more = {}) => ({ id, username: id, displayName: id.toUpperCase(), role: "member", ...more });
const conversation = { id: "r", title: "Tea", slug: "tea", ownerId: "u", visibility: "private", category: null, tags: [], featured: false, replyMode: "mention",
  characters: [{ id: "c", name: "Ada" }], memberIds: ["u", "v"], members: [member("u", { role: "owner" }), member("v")] };
const answer = (offset, more = {}) => message(offset, { sender: { kind: "character", id: "c" }, replyTo: "m1", variant: 0, variants: 1, ...more });
let room;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  room = new Room("r", "u");
  room.applySnapshot(snapshot(3, { conversation, messages: [message(1), answer(3)] }));
});
afterEach(() => mock.timers.reset());

const update = (offset, changed, more = {}) => room.apply("message:update", { conversationId: "r", offset, message: { ...changed, revision: offset }, ...more });
const stream = (more) => room.apply("message:delta", { conversationId: "r", messageId: "x", characterId: "c", inReplyTo: "m1", attempt: 1, position: 0, ...more });
const lines = () => entriesOf(room, [], "u");

test("an edit, a reaction and a tombstone change a message in its place", () => {
  update(4, message(1, { content: "changed", editedAt: "2026-01-01T00:00:01Z" }));
  update(5, message(1, { content: "changed", reactions: [{ emoji: "👍", userIds: ["v"] }] }));
  update(6, message(1, { content: "", deletedAt: "2026-01-01T00:00:02Z" }));
  assert.equal(room.offset, 6);
  assert.deepEqual(room.list().map(({ offset, content }) => [offset, content]), [[1, ""], [3, "text 3"]]);
  assert.equal(lines()[0].state, "deleted");
});

test("a variant streams in the place of its message and ends with its update", () => {
  stream({ text: "Another", variantOf: "m3" });
  assert.deepEqual(lines().map(({ text, state }) => [text, state]), [["text 1", "sent"], ["Another", "streaming"]]);
  update(4, answer(3, { content: "Another way", variant: 1, variants: 2 }), { replyId: "x" });
  assert.equal(room.replies.size, 0);
  assert.deepEqual(lines().map(({ text, state }) => [text, state]), [["text 1", "sent"], ["Another way", "complete"]]);
});

test("a continuation streams after what its message says", () => {
  stream({ text: " and more", continues: "m3" });
  assert.equal(lines()[1].text, "text 3 and more");
});

test("a variant that failed leaves the message as it was and can be tried again", () => {
  room.apply("message:status", { conversationId: "r", offset: 4, messageId: "x", characterId: "c", inReplyTo: "m1", variantOf: "m3", attempt: 1, state: "queued" });
  room.apply("message:status", { conversationId: "r", offset: 5, messageId: "x", characterId: "c", inReplyTo: "m1", variantOf: "m3", attempt: 1, state: "failed", code: "internal" });
  const entry = lines().at(-1);
  assert.deepEqual([entry.text, entry.state, entry.part.state, entry.last], ["text 3", "complete", "failed", true]);
  assert.equal(room.offset, 5);
});

test("who comes and goes is known, with the owner first", () => {
  room.apply("member:add", { conversationId: "r", offset: 4, member: member("w"), by: "u" });
  room.apply("conversation:update", { ...conversation, conversationId: "r", offset: 5, ownerId: "w", title: "Coffee", replyMode: "by_hand" });
  assert.deepEqual(room.conversation.members.map(({ id, role }) => [id, role]), [["w", "owner"], ["u", "member"], ["v", "member"]]);
  room.apply("member:remove", { conversationId: "r", offset: 6, userId: "v", by: "w" });
  assert.deepEqual(room.conversation.memberIds, ["w", "u"]);
  assert.deepEqual([room.conversation.title, room.conversation.replyMode], ["Coffee", "by_hand"]);
});

test("one's own removal ends the room", () => {
  room.apply("member:remove", { conversationId: "r", offset: 4, userId: "u", by: "u" });
  assert.equal(room.deleted, true);
});

test("presence is told by user, not by room", () => {
  room.apply("user:status", { userId: "v", status: "offline", lastSeen: "2026-01-01T00:00:00Z" });
  room.apply("user:status", { userId: "stranger", status: "online" });
  assert.deepEqual([...room.presence], [["v", "offline"]]);
  assert.equal(room.lastSeen.get("v"), "2026-01-01T00:00:00Z");
});

test("a change of a message far above leaves no hole in what is held", () => {
  const other = new Room("r", "u");
  other.applySnapshot(snapshot(60, { conversation, messages: [message(58), message(60)] }));
  other.apply("message:update", { conversationId: "r", offset: 61, message: { ...message(2), revision: 61 } });
  other.applySnapshot(snapshot(62, { conversation, recovered: true, messages: [{ ...message(3), revision: 62 }] }));
  assert.deepEqual(other.list().map(({ id }) => id), ["m58", "m60"]);
  other.applyOlder({ items: [{ ...message(2), revision: 61 }], hasMore: true });
  assert.deepEqual(other.list().map(({ id }) => id), ["m2", "m58", "m60"]);
});

test("a stretch far above grows both ways, takes changes, and joins the newest", () => {
  const other = new Room("r", "u");
  other.applySnapshot(snapshot(60, { conversation, messages: [message(58), message(60)] }));
  other.applyPast("older", { items: [message(9), message(10)], hasMore: true });
  other.applyPast("newer", { items: [message(11), message(12)], hasMore: true });
  assert.deepEqual(other.shown().map(({ offset }) => offset), [9, 10, 11, 12]);
  other.apply("message:update", { conversationId: "r", offset: 61, message: { ...message(10), content: "changed", revision: 61 } });
  other.apply("message:receive", { conversationId: "r", offset: 62, message: message(62) });
  assert.deepEqual(other.shown().map(({ content }) => content), ["text 9", "changed", "text 11", "text 12"]);
  other.applyPast("newer", { items: [message(57), message(58)], hasMore: true });
  assert.equal(other.past, null);
  assert.deepEqual(other.shown().map(({ offset }) => offset), [9, 10, 11, 12, 57, 58, 60, 62]);
  assert.equal(other.hasOlder, true);
});

test("a reply to somebody is quoted, an answer right under its question is not", () => {
  room.put(message(5, { sender: { kind: "user", id: "v" }, replyTo: "m1" }));
  room.put(answer(6));
  assert.deepEqual(lines().map(({ quoted }) => quoted), [undefined, undefined, "m1", "m1"]);
});

test("the line of what is new stands before the first one that was not read", () => {
  room.put(message(4, { sender: { kind: "user", id: "v" } }));
  assert.deepEqual(entriesOf(room, [], "u", 3).map(({ unread }) => Boolean(unread)), [false, false, true]);
});

/** A server in small: it keeps the room's state and tells each change as an event. */
class Stage {
  offset = 0;
  messages = new Map();
  conversation = structuredClone(conversation);
  events = [];
  constructor(random) { this.random = random; }
  pick(of) { return of[Math.floor(this.random() * of.length)]; }
  tell(event, data) { this.events.push([event, { conversationId: "r", offset: this.offset, ...structuredClone(data) }]); }
  change(id, changes) {
    const changed = { ...this.messages.get(id), ...changes, revision: this.offset };
    this.messages.set(id, changed);
    this.tell("message:update", { message: changed });
  }
  step() {
    this.offset += 1;
    const alive = [...this.messages.values()].filter(({ deletedAt }) => !deletedAt);
    const deed = this.random();
    if (deed < 0.5 || !alive.length) {
      const made = message(this.offset, { reactions: [] });
      this.messages.set(made.id, made);
      return this.tell("message:receive", { message: made });
    }
    const { id } = this.pick(alive);
    if (deed < 0.6) return this.change(id, { content: `edit ${this.offset}`, editedAt: "t" });
    if (deed < 0.7) return this.change(id, { content: "", deletedAt: "t", reactions: [] });
    if (deed < 0.8) return this.change(id, { reactions: [{ emoji: "👍", userIds: [this.pick(["u", "v"])] }] });
    const { members } = this.conversation;
    if (deed < 0.86 && !members.some(({ id: held }) => held === "w")) {
      members.push(member("w"));
      this.conversation.memberIds = members.map(({ id: held }) => held);
      return this.tell("member:add", { member: member("w"), by: "u" });
    }
    if (deed < 0.92 && members.some(({ id: held }) => held === "w")) {
      this.conversation.members = members.filter(({ id: held }) => held !== "w");
      this.conversation.memberIds = this.conversation.members.map(({ id: held }) => held);
      return this.tell("member:remove", { userId: "w", by: "u" });
    }
    this.conversation.title = `Title ${this.offset}`;
    const { members: _members, memberIds: _ids, id: _id, ...details } = this.conversation;
    return this.tell("conversation:update", details);
  }
  since(offset) { return [...this.messages.values()].filter(({ revision }) => revision > offset).sort((a, b) => a.offset - b.offset); }
  fresh() { return snapshot(this.offset, { conversation: structuredClone(this.conversation), messages: [...this.messages.values()].sort((a, b) => a.offset - b.offset).slice(-50) }); }
}

test("a room that followed, slept and resumed holds what a fresh one loads", () => {
  let seed = 20260101;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const stage = new Stage(random);
  for (let at = 0; at < 30; at += 1) stage.step();
  const follower = new Room("r", "u");
  follower.applySnapshot(stage.fresh());
  stage.events.length = 0;
  for (let step = 0; step < 4000; step += 1) {
    stage.step();
    const [event, data] = stage.events.pop();
    if (follower.live && random() < 0.03) follower.live = false;
    follower.apply(event, data);
    if (!follower.live && random() < 0.3) follower.applySnapshot(snapshot(stage.offset, { recovered: true, conversation: structuredClone(stage.conversation), messages: stage.since(follower.offset) }));
    if (!follower.live) continue;
    const fresh = new Room("r", "u");
    fresh.applySnapshot(stage.fresh());
    assert.equal(follower.offset, fresh.offset);
    assert.deepEqual(follower.conversation, fresh.conversation, `step ${step}`);
    assert.deepEqual(follower.list().slice(-fresh.list().length), fresh.list(), `step ${step}`);
  }
});
