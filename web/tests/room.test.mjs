import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Room } from "../client/room.js";
import { entriesOf } from "../ui/room/thread.js";
import { message, snapshot } from "./fake-server.mjs";

let room;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  room = new Room("r");
  room.applySnapshot(snapshot(3, { messages: [message(1), message(3)] }));
});
afterEach(() => mock.timers.reset());

const delta = (position, text, attempt = 1) => room.apply("message:delta", { conversationId: "r", messageId: "a", characterId: "c", inReplyTo: "m3", attempt, position, text });
const status = (state, more = {}) => room.apply("message:status", { conversationId: "r", messageId: "a", characterId: "c", inReplyTo: "m3", attempt: 1, state, ...more });

test("deltas append at their position and may overwrite", () => {
  delta(0, "Good mor");
  delta(8, "ning");
  delta(5, "evening");
  assert.equal(room.replies.get("a").text, "Good evening");
});

test("a lower attempt is ignored and a higher one begins anew", () => {
  delta(0, "first");
  delta(0, "second", 2);
  delta(5, " late", 1);
  assert.equal(room.replies.get("a").text, "second");
});

test("a reply that begins anew in mid-stream keeps its old text until the new one comes, and shows none of it after", () => {
  status("streaming");
  delta(0, "There was ");
  delta(10, "a king");
  assert.equal(room.replies.get("a").text, "There was a king");
  delta(0, "Once", 2);
  assert.equal(room.replies.get("a").text, "Once");
  delta(16, " who", 1);
  delta(4, " upon a time", 2);
  assert.deepEqual([room.replies.get("a").text, room.replies.get("a").attempt, room.live], ["Once upon a time", 2, true]);
  status("done", { attempt: 2 });
  assert.equal(room.replies.size, 0);
});

test("a reply that another server takes up is told as a whole, and its old server's words change nothing", () => {
  delta(0, "Once upon a");
  status("streaming", { attempt: 17 });
  delta(0, "Once upon", 17);
  delta(9, " a time", 17);
  delta(11, " lie", 1);
  status("failed", { attempt: 1, code: "internal" });
  assert.deepEqual([room.replies.get("a").text, room.replies.get("a").state], ["Once upon a time", "streaming"]);
});

test("of a reply that begins anew a later piece without its beginning asks for a new join", () => {
  delta(0, "There was");
  assert.equal(delta(4, " upon", 2), false);
  assert.equal(room.live, false);
});

test("a delta beyond the text that is held asks for a new join", () => {
  delta(0, "abc");
  assert.equal(delta(9, "xyz"), false);
  assert.equal(room.live, false);
});

test("the stored message replaces what was streamed, and late deltas change nothing", () => {
  delta(0, "so f");
  room.apply("message:receive", { conversationId: "r", offset: 4, message: message(4, { id: "a", sender: { kind: "character", id: "c" }, content: "so far so good" }) });
  delta(4, "ar");
  assert.equal(room.replies.size, 0);
  assert.equal(room.messages.get("a").content, "so far so good");
});

test("an event that is already in is not applied twice", () => {
  room.apply("message:receive", { conversationId: "r", offset: 3, message: message(3, { content: "other" }) });
  assert.equal(room.messages.get("m3").content, "text 3");
});

test("an older copy of a message does not undo a newer one", () => {
  room.put(message(3, { revision: 9, content: "newer" }));
  room.put(message(3, { revision: 3, content: "older" }));
  assert.equal(room.messages.get("m3").content, "newer");
});

test("another epoch throws away what was held", () => {
  room.applySnapshot(snapshot(2, { epoch: "e2", recovered: false, messages: [message(2)] }));
  assert.deepEqual(room.list().map(({ id }) => id), ["m2"]);
});

test("a resumed snapshot's open replies are all there are", () => {
  delta(0, "lost");
  room.applySnapshot(snapshot(3, { recovered: true, replies: [{ messageId: "b", characterId: "c", inReplyTo: "m3", attempt: 1, state: "streaming", text: "So far" }] }));
  assert.deepEqual([...room.replies.keys()], ["b"]);
});

test("a failed reply stays known from its status and from its asking message", () => {
  status("failed", { code: "provider_timeout", offset: 4 });
  assert.equal(room.offset, 4);
  const later = new Room("r");
  later.applySnapshot(snapshot(4, { messages: [message(3, { replies: [{ characterId: "c", messageId: "a", state: "failed", code: "provider_timeout" }] })] }));
  assert.equal(later.replies.get("a").code, "provider_timeout");
  assert.equal(later.replies.get("a").inReplyTo, "m3");
});

test("the ack's list of replies does not undo a status that came first", () => {
  status("failed", { code: "internal" });
  room.put(message(3, { replies: [{ characterId: "c", messageId: "a", state: "queued" }] }));
  assert.equal(room.replies.get("a").state, "failed");
});

test("typing is forgotten after ten seconds", () => {
  room.apply("typing:start", { conversationId: "r", userId: "x" });
  mock.timers.tick(9999);
  assert.equal(room.typing.size, 1);
  mock.timers.tick(1);
  assert.equal(room.typing.size, 0);
});

test("the page shows messages, then what is on its way, then running replies", () => {
  delta(0, "Hm");
  const outgoing = [{ clientId: "k", content: "next", state: "pending", error: null, createdAt: 0 }];
  assert.deepEqual(entriesOf(room, outgoing, "u").map(({ key }) => key), ["m:m1", "m:m3", "c:k", "m:a"]);
});

test("a message keeps its key from sending to stored", () => {
  const outgoing = [{ clientId: "k", content: "next", state: "pending", error: null, createdAt: 0 }];
  const before = entriesOf(room, outgoing, "u").at(-1).key;
  room.put(message(4, { clientId: "k" }));
  const after = entriesOf(room, outgoing, "u");
  assert.equal(after.at(-1).key, before);
  assert.equal(after.length, 3);
});

test("a failed reply stands under its question and can be tried again only as the last", () => {
  status("failed", { code: "internal" });
  assert.equal(entriesOf(room, [], "u").at(-1).last, true);
  room.put(message(5));
  const entries = entriesOf(room, [], "u");
  assert.deepEqual(entries.map(({ key }) => key), ["m:m1", "m:m3", "m:a", "m:m5"]);
  assert.equal(entries[2].last, undefined);
});
