import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { State } from "../state.js";

let state;
const conversation = (more = {}) => ({ id: "r", ownerId: "u", characters: [{ id: "c", name: "Ada" }], members: [{ id: "u" }], readOffset: 3, unreadCount: 0, lastMessage: said(3, "u"), ...more });
const said = (offset, sender, more = {}) => ({ id: `m${offset}`, conversationId: "r", offset, sender: { kind: "user", id: sender }, content: `text ${offset}`, createdAt: "2026-01-01T00:00:00Z", ...more });

beforeEach(() => {
  state = new State(/** @type {any} */ ({}));
  state.user = { id: "u" };
  state.putConversation(conversation());
});
const held = () => state.conversations.get("r");

test("what others say counts as unread until it is read", () => {
  state.noteMessage(said(4, "v"));
  state.noteMessage(said(5, "v"));
  assert.deepEqual([held().unreadCount, state.isUnread(held())], [2, true]);
  state.noteRead("r", 4);
  assert.equal(held().unreadCount, 2);
  state.noteRead("r", 5);
  assert.deepEqual([held().unreadCount, state.isUnread(held())], [0, false]);
});

test("one's own messages are never unread, and one that comes twice counts once", () => {
  state.noteMessage(said(4, "u"));
  state.noteMessage(said(5, "v"));
  state.noteMessage(said(5, "v"));
  assert.equal(held().unreadCount, 1);
});

test("settings that change do not bring back an older last message", () => {
  state.noteMessage(said(6, "v"));
  state.putConversation(conversation({ title: "Tea" }));
  assert.deepEqual([held().title, held().lastMessage.id, held().unreadCount], ["Tea", "m6", 1]);
});

test("the list shows the last message as it was changed", () => {
  state.noteChange(said(3, "u", { content: "", deletedAt: "t" }));
  state.noteChange(said(2, "u", { content: "other" }));
  assert.equal(held().lastMessage.deletedAt, "t");
});

test("a conversation with other people is not the one with a character alone", () => {
  state.putConversation(conversation({ id: "s", members: [{ id: "u" }, { id: "v" }], createdAt: "2027-01-01T00:00:00Z", lastMessage: null }));
  assert.equal(state.latestWith("c").id, "r");
});

test("a limit that one's own message moved takes its place among the others", () => {
  const daily = { scope: "daily", window: "day", used: 1, limit: 5 };
  const ada = { scope: "character", characterId: "c", type: "text", window: "lifetime", used: 29, limit: 30 };
  state.setUsage({ plan: "basic", limits: [daily, ada] });
  state.moveUsage({ plan: "basic", limits: [{ ...daily, used: 2 }] });
  assert.deepEqual(state.usage.limits.map(({ used }) => used), [2, 29]);
  state.moveUsage({ plan: "basic", limits: [{ ...ada, type: "audio", used: 1 }] });
  assert.equal(state.usage.limits.length, 3);
  state.moveUsage({ plan: "pro", limits: [{ ...daily, used: 3, limit: 1000 }] });
  assert.equal(state.usage.limits.length, 1, "limits of the plan before count no more");
  state.end();
});

test("a conversation that is begun twice at once is one", async () => {
  const asked = [];
  state.api = { post: async (path, fields) => { asked.push(fields); return { conversation: conversation({ id: "new", characters: [{ id: "d" }], lastMessage: null }) }; } };
  const [one, other] = await Promise.all([state.startWith("d"), state.startWith("d")]);
  assert.deepEqual([one.id, other.id, asked.length], ["new", "new", 1]);
  state.dropConversation("new");
  await state.startWith("d");
  assert.equal(asked.length, 2);
});
