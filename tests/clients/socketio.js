// The official JavaScript client against a running server: `node socketio.js SCENARIO '{"url":…,"token":…,…}'`.
// Each scenario asserts for itself; the exit code is what the test looks at. What a test waits for stands on a line of
// its own, and so does what it says.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { io, NodeWebSocket, NodeXHR } from "socket.io-client";

const [scenario, given] = process.argv.slice(2);
const { url, token, characterId, conversationId, ...more } = JSON.parse(given);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** The test has done its part. */
const told = async (word) => assert.equal((await lines.next()).value, word);
const tell = (word) => console.log(word);

/** Resolves with the arguments of the next event of that name that fits. */
const next = (socket, name, fits = () => true) =>
  new Promise((resolve) => {
    const listen = (...data) => {
      if (!fits(...data)) return;
      socket.off(name, listen);
      resolve(data[0]);
    };
    socket.on(name, listen);
  });

const ask = (socket, event, data) => new Promise((resolve) => socket.emit(event, data, resolve));
const transport = (socket) => socket.io.engine.transport.name;
const connected = (socket) => (socket.connected ? Promise.resolve() : next(socket, "connect"));

/** Follows a room as the protocol says; what is left is its text, and whatever went wrong. */
function follow(socket) {
  const seen = { deltas: 0, text: new Map(), messages: [], offset: 0, wrong: [] };
  socket.on("message:delta", ({ messageId, position, text, attempt }) => {
    seen.deltas += 1;
    const held = seen.text.get(messageId) ?? "";
    if (attempt !== 1) seen.wrong.push(`attempt ${attempt}`);
    if (position !== held.length) seen.wrong.push(`a piece at ${position} of ${held.length}`);
    seen.text.set(messageId, held.slice(0, position) + text);
  });
  socket.on("message:receive", ({ offset, message }) => {
    if (offset <= seen.offset) seen.wrong.push(`offset ${offset} after ${seen.offset}`);
    seen.offset = offset;
    seen.messages.push(message);
  });
  return seen;
}

const scenarios = {
  /** The calls that existing clients send, as they stand in their sources. */
  async calls() {
    const socket = io(url, { auth: { token, characterId } });
    const joined = next(socket, "conversation:joined");
    await connected(socket);
    const { conversation, epoch, offset } = await joined;
    assert.equal(conversation.characters[0].id, characterId);
    assert.ok(epoch && offset >= 0);

    const reply = next(socket, "message:receive", ({ message }) => message.sender.kind === "character");
    const ack = await new Promise((resolve) =>
      socket.emit("message:send", { characterId, type: "text", content: "Good evening" }, resolve),
    );
    assert.equal(ack.success, true, JSON.stringify(ack));
    assert.equal(ack.message.content, "Good evening");
    assert.equal(ack.message.conversationId, conversation.id);
    assert.equal(ack.usage.plan, "free");
    const answered = await reply;
    assert.equal(answered.conversationId, conversation.id);
    assert.equal(answered.message.replyTo, ack.message.id);

    const second = new Promise((resolve) => {
      socket.on("message:receive", ({ conversationId, message }) => {
        if (message.replyTo && message.replyTo !== ack.message.id) resolve({ conversationId, message });
      });
    });
    const again = await ask(socket, "message:send", {
      conversationId: conversation.id,
      content: "And good night",
      type: "text",
    });
    assert.equal(again.success, true, JSON.stringify(again));
    assert.equal((await second).conversationId, conversation.id);

    const refused = await ask(socket, "message:send", { conversationId: conversation.id, content: "" });
    assert.equal(refused.success, false);
    assert.equal(refused.code, "content_empty");
    assert.equal(typeof refused.error, "string");
    if (!more.transports) {
      // By its default settings it begins with polling and upgrades.
      while (transport(socket) !== "websocket") await next(socket.io.engine, "upgrade");
    }
    socket.disconnect();
  },

  /** Who sends without having joined hears the answer all the same, also where two sends go out at once. */
  async unjoined() {
    const socket = io(url, { auth: { token }, transports: more.transports });
    const seen = follow(socket);
    await connected(socket);
    const answers = Promise.all([
      ask(socket, "message:send", { characterId, content: "first" }),
      ask(socket, "message:send", { characterId, content: "second", reply: "none" }),
      ask(socket, "message:send", { characterId, content: "third", reply: "none" }),
    ]);
    const replied = next(socket, "message:receive", ({ message }) => message.sender.kind === "character");
    const acks = await answers;
    assert.ok(acks.every((ack) => ack.success), JSON.stringify(acks));
    assert.deepEqual(acks.map((ack) => ack.message.content), ["first", "second", "third"]);
    await replied;
    const own = seen.messages.filter((message) => message.sender.kind === "user");
    assert.deepEqual(own.map((message) => message.content), ["first", "second", "third"]);
    assert.deepEqual(seen.wrong, []);
    if (more.transports) assert.equal(transport(socket), more.transports[0]);
    socket.disconnect();
  },

  /** What is refused, and how the client hears of it. */
  async refusals() {
    const stranger = io(url, { auth: { token: "nobody" }, forceNew: true });
    const denied = await next(stranger, "connect_error");
    assert.equal(denied.data.code, "unauthenticated");
    assert.ok(denied.message);
    assert.equal(stranger.active, false, "it does not try the same token again");

    const elsewhere = io(`${url}/admin`, { auth: { token }, forceNew: true });
    assert.equal((await next(elsewhere, "connect_error")).message, "Invalid namespace");

    const tokenless = io(url, { forceNew: true });
    assert.equal((await next(tokenless, "connect_error")).data.code, "unauthenticated");
    tokenless.auth = { token };
    tokenless.connect();
    await connected(tokenless);
    tokenless.disconnect();

    const socket = io(url, { auth: { token }, forceNew: true });
    await connected(socket);
    const unknown = next(socket, "error");
    socket.emit("nonsense", {});
    assert.deepEqual(await unknown.then(({ code, command }) => [code, command]), ["unknown_command", "nonsense"]);
    assert.equal((await ask(socket, "nonsense", {})).code, "unknown_command");
    const foreign = { conversationId: "0197f000-0000-7000-8000-000000000000", content: "let me in" };
    assert.equal((await ask(socket, "message:send", foreign)).code, "not_found");
    const silent = next(socket, "error");
    socket.emit("message:send", foreign);
    assert.deepEqual(await silent.then(({ code, command }) => [code, command]), ["not_found", "message:send"]);

    const why = next(socket, "error");
    const gone = next(socket, "disconnect");
    socket.emit("message:send", { characterId, content: new Uint8Array([1, 2, 3]) });
    const { error, code, closeCode, reconnect } = await why;
    assert.match(error, /binary/);
    assert.deepEqual([code, closeCode, reconnect], ["closed", 4003, false]);
    assert.equal(await gone, "io server disconnect");
    stranger.disconnect();
    elsewhere.disconnect();
  },

  /** The connection is cut, then the server restarts: the client comes back by itself and resumes. */
  async reconnect() {
    const socket = io(url, { auth: { token }, transports: more.transports, reconnectionDelay: 50 });
    const seen = follow(socket);
    await connected(socket);
    let place = await ask(socket, "conversation:join", { conversationId });
    for (const round of ["cut", "restarted"]) {
      const gone = next(socket, "disconnect");
      const back = next(socket, "connect");
      tell("ready");
      assert.notEqual(await gone, "io server disconnect");
      await told(round);
      await back;
      const { epoch, offset } = place;
      const resumed = await ask(socket, "conversation:join", { conversationId, epoch, offset });
      assert.equal(resumed.recovered, true, JSON.stringify(resumed));
      assert.deepEqual(resumed.messages.map((message) => message.content), [`while it was ${round}`]);
      seen.offset = resumed.offset;
      const heard = next(socket, "message:receive");
      const ack = await ask(socket, "message:send", { conversationId, content: "back", reply: "none" });
      assert.equal(ack.success, true, JSON.stringify(ack));
      assert.equal((await heard).message.id, ack.message.id);
      place = { epoch, offset: seen.offset };
    }
    assert.deepEqual(seen.wrong, []);
    socket.disconnect();
  },

  /** A reply streams while the client goes from polling to its WebSocket. */
  async upgrade() {
    let open;
    const gate = new Promise((resolve) => (open = resolve));
    class Late extends NodeWebSocket {
      doOpen() {
        gate.then(() => super.doOpen());
      }
    }
    const socket = io(url, { auth: { token }, transports: [NodeXHR, Late] });
    const seen = follow(socket);
    await connected(socket);
    const upgraded = next(socket.io.engine, "upgrade");
    const reply = next(socket, "message:receive", ({ message }) => message.sender.kind === "character");
    const ack = await ask(socket, "message:send", { characterId, content: "Tell me a long story" });
    assert.equal(ack.success, true, JSON.stringify(ack));
    await next(socket, "message:delta");
    assert.equal(transport(socket), "polling");
    open();
    await upgraded;
    const before = seen.deltas;
    const { message } = await reply;
    assert.ok(seen.deltas > before, "the stream went on after the upgrade");
    assert.equal(seen.text.get(message.id), message.content);
    assert.deepEqual(seen.wrong, []);
    assert.deepEqual(seen.messages.map(({ id }) => id), [ack.message.id, message.id]);
    socket.disconnect();
  },

  /** A hundred clients at once in one room, each of which says something and hears all. */
  async many() {
    const sockets = more.tokens.map((token) => io(url, { auth: { token }, forceNew: true }));
    const heard = sockets.map(follow);
    await Promise.all(sockets.map(connected));
    const join = (socket) => ask(socket, "conversation:join", { conversationId });
    const joined = await Promise.all(sockets.map(join));
    assert.ok(joined.every((ack) => ack.success), JSON.stringify(joined.find((ack) => !ack.success)));
    const all = Promise.all(
      sockets.map((socket, n) => next(socket, "message:receive", () => heard[n].messages.length === sockets.length)),
    );
    const acks = await Promise.all(
      sockets.map((socket, n) => ask(socket, "message:send", { conversationId, content: `${n}`, reply: "none" })),
    );
    assert.ok(acks.every((ack) => ack.success), JSON.stringify(acks.find((ack) => !ack.success)));
    await all;
    const order = JSON.stringify(heard[0].messages.map(({ id }) => id));
    for (const { messages, wrong } of heard) {
      assert.equal(JSON.stringify(messages.map(({ id }) => id)), order);
      assert.deepEqual(wrong, []);
    }
    sockets.forEach((socket) => socket.disconnect());
  },

  /** An admin ends the session, and then the sign-in ends: the client stays away. */
  async ended() {
    for (const [word, closeCode] of [["kicked", 4004], ["signed out", 4001]]) {
      const socket = io(url, { auth: { token }, forceNew: true });
      await connected(socket);
      const [why, gone] = [next(socket, "error"), next(socket, "disconnect")];
      tell("ready");
      assert.equal((await why).closeCode, closeCode);
      assert.equal(await gone, "io server disconnect");
      assert.equal(socket.active, false);
      await told(word);
    }
  },
};

const patience = setTimeout(() => {
  console.error(`${scenario}: nothing happened for a minute`);
  process.exit(3);
}, 60_000);
await scenarios[scenario]();
clearTimeout(patience);
tell("done");
process.exit(0);
