import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { GreenroomClient } from "../client.js";
import { FakeServer, message, settled, snapshot } from "./fake-server.mjs";

let server, client, tokens;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  server = new FakeServer();
  tokens = [];
  client = new GreenroomClient({ url: "ws://test/ws", WebSocket: server.WebSocket, random: () => 0.5,
    getToken: async ({ fresh }) => { tokens.push(fresh); return "token"; } });
});
afterEach(() => {
  client.close();
  mock.timers.reset();
});

async function online() {
  client.connect();
  await settled();
  await server.open();
}

/** Lets time pass until the next socket is there, and opens it. */
async function reconnected(withinMs = 1000) {
  const before = server.sockets.length;
  mock.timers.tick(withinMs);
  await settled();
  assert.equal(server.sockets.length, before + 1);
  await server.open();
}

async function joined(page = snapshot(3, { messages: [message(1), message(3)] })) {
  const joining = client.join("r");
  server.ack(server.taken("conversation:join"), page);
  return joining;
}

test("a command settles with the ack of its id, whatever the order", async () => {
  await online();
  const first = client.command("conversation:list");
  const second = client.command("ping");
  const [list, ping] = [server.taken("conversation:list"), server.taken("ping")];
  server.ack(ping, { time: "now" });
  server.ack(list, { items: [] });
  assert.deepEqual((await first).items, []);
  assert.equal((await second).time, "now");
});

test("a refused command throws with its code and when to try again", async () => {
  await online();
  const asked = client.command("conversation:list");
  server.refuse(server.taken("conversation:list"), "rate_limited", { retryAfterMs: 1200 });
  await assert.rejects(asked, { code: "rate_limited", retryAfterMs: 1200 });
});

test("a command without an answer ends at its deadline", async () => {
  await online();
  const asked = client.command("conversation:list");
  mock.timers.tick(15000);
  await assert.rejects(asked, { code: "timeout" });
});

test("a command given while away goes out when the line is back", async () => {
  client.connect();
  const asked = client.command("conversation:list");
  await settled();
  await server.open();
  server.ack(server.taken("conversation:list"), { items: [] });
  assert.deepEqual((await asked).items, []);
});

for (const [code, reason] of [[1000, "closed"], [1009, "frame_too_large"], [4003, "protocol"], [4004, "ended_by_admin"], [4010, "too_many_connections"]]) {
  test(`close code ${code} ends it: ${reason}`, async () => {
    const stopped = [];
    client.on("stopped", (why) => stopped.push(why.reason));
    await online();
    server.close(code);
    mock.timers.tick(120000);
    await settled();
    assert.deepEqual(stopped, [reason]);
    assert.equal(server.sockets.length, 1);
  });
}

test("close code 4001 reconnects at once with a fresh token", async () => {
  await online();
  server.close(4001);
  await reconnected(1);
  assert.deepEqual(tokens, [false, true]);
});

test("close code 4013 waits a minute", async () => {
  await online();
  server.close(4013);
  mock.timers.tick(59999);
  await settled();
  assert.equal(server.sockets.length, 1);
  await reconnected(7000);
});

test("each failed attempt waits longer, up to the bound", async () => {
  await online();
  const waits = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    server.close(1006);
    waits.push(client.retryAt - Date.now());
    mock.timers.tick(30000);
    await settled();
  }
  assert.deepEqual(waits.slice(0, 4), [375, 750, 1500, 3000]);
  assert.equal(waits.at(-1), 22500);
});

test("no token means signed out, and an unreachable token provider means later", async () => {
  const answers = [() => Promise.reject(new Error("offline")), () => Promise.resolve(null)];
  const stopped = [];
  const other = new GreenroomClient({ url: "ws://test/ws", WebSocket: server.WebSocket, random: () => 0.5, getToken: () => answers.shift()() });
  other.on("stopped", ({ reason }) => stopped.push(reason));
  other.connect();
  await settled();
  assert.equal(other.state, "waiting");
  mock.timers.tick(1000);
  await settled();
  assert.deepEqual(stopped, ["signed_out"]);
});

test("a silent line is pinged, and dropped when the ping is not answered", async () => {
  await online();
  mock.timers.tick(25000);
  assert.equal(server.asked("ping"), 1);
  mock.timers.tick(10000);
  await settled();
  assert.equal(client.state, "waiting");
  assert.equal(server.socket.closedWith, 4008);
});

test("an ending token is renewed on the open line", async () => {
  await online();
  server.frame("system:notification", { kind: "token_expiring" });
  await settled();
  assert.equal(server.taken("auth").data.token, "token");
  assert.deepEqual(tokens, [false, true]);
});

test("a joined room resumes from where it stands, page by page", async () => {
  await online();
  const room = await joined();
  server.close(1006);
  assert.equal(room.live, false);
  await reconnected();
  const first = server.taken("conversation:join");
  assert.deepEqual([first.data.epoch, first.data.offset], ["e1", 3]);
  server.ack(first, snapshot(5, { recovered: true, more: true, messages: [message(4), message(5)] }));
  await settled();
  const second = server.taken("conversation:join");
  assert.equal(second.data.offset, 5);
  server.ack(second, snapshot(6, { recovered: true, messages: [message(6)] }));
  assert.deepEqual(room.list().map(({ offset }) => offset), [1, 3, 4, 5, 6]);
  assert.equal(room.live, true);
});

test("a live event in the very frame after the join's answer is not lost", async () => {
  await online();
  client.join("r");
  server.ack(server.taken("conversation:join"), snapshot(3));
  server.frame("message:receive", { conversationId: "r", offset: 4, message: message(4) });
  assert.equal(client.rooms.get("r").offset, 4);
});

test("a hole in the offsets makes the room join again", async () => {
  await online();
  const room = await joined();
  server.frame("message:receive", { conversationId: "r", offset: 6, message: message(6) });
  assert.equal(room.messages.has("m6"), false);
  const again = server.taken("conversation:join");
  assert.equal(again.data.offset, 3);
  server.ack(again, snapshot(6, { recovered: true, messages: [message(5), message(6)] }));
  assert.deepEqual(room.list().map(({ offset }) => offset), [1, 3, 5, 6]);
});

test("a message is sent again after a lost line, under the same clientId, and shown once", async () => {
  await online();
  const room = await joined();
  const outgoing = client.send("r", "hello");
  const sent = server.taken("message:send");
  server.close(1006);
  await reconnected();
  server.ack(server.taken("conversation:join"), snapshot(3, { recovered: true }));
  mock.timers.tick(1);
  const repeated = server.taken("message:send");
  assert.equal(repeated.data.clientId, sent.data.clientId);
  const stored = message(4, { clientId: outgoing.clientId });
  server.ack(repeated, { duplicate: true, message: stored, replies: [], usage: { limits: [] } });
  server.frame("message:receive", { conversationId: "r", offset: 4, message: stored });
  assert.equal((await outgoing.acked).message.id, "m4");
  assert.deepEqual(client.outbox.of("r"), []);
  assert.equal(room.list().filter(({ clientId }) => clientId === outgoing.clientId).length, 1);
});

test("a message that the resumed room already holds is not sent again", async () => {
  await online();
  await joined();
  const outgoing = client.send("r", "hello");
  server.taken("message:send");
  server.close(1006);
  mock.timers.tick(1000);
  await settled();
  server.socket.readyState = 1;
  server.socket.onopen();
  server.ack(server.taken("auth"), {});
  server.ack(server.taken("conversation:join"), snapshot(4, { recovered: true, messages: [message(4, { clientId: outgoing.clientId })] }));
  await settled();
  assert.deepEqual(client.outbox.of("r"), []);
  assert.equal((await outgoing.acked).message.id, "m4");
});

test("messages of one room go out one after the other", async () => {
  await online();
  client.send("r", "one");
  client.send("r", "two");
  assert.equal(server.asked("message:send"), 1);
  server.ack(server.taken("message:send"), { message: message(4), replies: [] });
  await settled();
  mock.timers.tick(1);
  assert.equal(server.taken("message:send").data.content, "two");
});

test("a temporary refusal is tried again after the time it names", async () => {
  await online();
  const outgoing = client.send("r", "hello");
  server.refuse(server.taken("message:send"), "rate_limited", { retryAfterMs: 1200 });
  await settled();
  assert.equal(outgoing.state, "pending");
  mock.timers.tick(1199);
  assert.equal(server.asked("message:send"), 0);
  mock.timers.tick(1);
  assert.equal(server.taken("message:send").data.clientId, outgoing.clientId);
});

test("a final refusal fails the message, which can be tried again or forgotten", async () => {
  await online();
  const outgoing = client.send("r", "hello");
  server.refuse(server.taken("message:send"), "quota_exceeded");
  await assert.rejects(outgoing.acked, { code: "quota_exceeded" });
  mock.timers.tick(1);
  client.outbox.resend(outgoing.clientId);
  assert.equal(server.taken("message:send").data.clientId, outgoing.clientId);
  assert.equal(outgoing.state, "pending");
});
