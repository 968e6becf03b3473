// @ts-check
/**
 * Greenroom client: the native protocol (`docs/PROTOCOL.md`, version 1) over one WebSocket.
 * No dependencies; copy `client.js` and the folder `client` into any project. Runs in browsers and in Node 20 or newer
 * (pass a `WebSocket`).
 *
 *     const client = new GreenroomClient({ url: "wss://host/ws", getToken: async ({ fresh }) => token });
 *     client.connect();
 *     const room = await client.join(conversationId);
 *     room.on("change", () => draw(room.list(), room.replies));
 *     await client.send(conversationId, "Good evening").acked;
 *     await client.command("message:react", { conversationId, messageId, emoji: "👍" });
 *
 * What it takes care of: sign-in and its renewal, one promise per command with a deadline, reconnecting by the close-code
 * table, heartbeats, resuming each joined room from its (epoch, offset), and sending each message until it is acked, once.
 * A room's own state follows by itself: messages and what becomes of them, replies as they stream (also where they become a
 * variant or the rest of a message: see `Reply` in `client/replies.js`), members, settings, who is here and who types.
 */
import { Outbox } from "./client/outbox.js";
import { Room } from "./client/room.js";
import { CLOSE_CODES, Emitter, GreenroomError } from "./client/wire.js";

export { CLOSE_CODES, GreenroomError };

/**
 * @typedef {"idle"|"connecting"|"online"|"waiting"|"stopped"} ConnectionState
 *   `waiting`: will connect again by itself; `stopped`: will not (see the `stopped` event's reason).
 * @typedef {object} Options
 * @property {string} url             of `/ws`
 * @property {(wanted: {fresh: boolean}) => Promise<string|null>} getToken
 *   The access token; `fresh` asks for a new one. `null` stops the client (`signed_out`); throwing means "try again later".
 * @property {any} [WebSocket]        the constructor; default is the global one
 * @property {number} [deadlineMs]    for an ack, and for opening (15000)
 * @property {number} [maxBackoffMs]  longest wait between two attempts (30000)
 * @property {() => number} [random]  0 to 1, for jitter
 */

const MAX_QUEUED_COMMANDS = 256;
const STABLE_AFTER_MS = 10000;

/**
 * Events: `state` (ConnectionState), `ready` (the auth ack), `stopped` ({code, reason}), `outgoing` (Outgoing), and every
 * server event by its name (`usage`, `system:notification`, `message:receive`…); `usage:part` with the limits that one's own
 * message moved, as its ack tells them.
 */
export class GreenroomClient extends Emitter {
  #options; #socket = /** @type {any} */ (null); #state = /** @type {ConnectionState} */ ("idle");
  #generation = 0;            // of the socket; what an older one still says is ignored
  #failures = 0; #fresh = false; #readyAt = 0; #heardAt = 0; #heartbeatMs = 25000;
  #retryTimer; #openTimer; #heartbeatTimer;
  #nextId = 1;
  #pending = new Map();       // command id -> {settle, reject}
  #queued = [];               // commands given while not online, oldest first
  #syncing = new Map();       // conversation id -> promise of the join under way

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = { WebSocket: globalThis.WebSocket, deadlineMs: 15000, maxBackoffMs: 30000, random: Math.random, ...options };
    /** @type {Map<string, Room>} the rooms that are kept in step */
    this.rooms = new Map();
    /** What is still to be acked; see `send`. */
    this.outbox = new Outbox({
      deliver: (data, onAck) => this.#state === "online" ? this.#write("message:send", data, onAck) : null,
      stored: (conversationId, ack) => {
        this.rooms.get(conversationId)?.put(ack.message);
        if (ack.usage) this.emit("usage:part", ack.usage);
      },
      changed: (outgoing) => this.emit("outgoing", outgoing),
    });
    /** Who is signed in, once that is known. */
    this.userId = /** @type {string|null} */ (null);
    /** When the next attempt is due, in milliseconds since 1970; 0 when none is planned. */
    this.retryAt = 0;
  }

  get state() { return this.#state; }

  /** Connects, and stays connected until `close()` or a close code that says no. */
  connect() {
    if (this.#state === "idle" || this.#state === "stopped") this.#open();
  }

  /** Ends the connection and all that waits. Rooms keep what they hold; `connect()` may follow. */
  close() {
    const socket = this.#socket;
    this.#detach();
    socket?.close(1000);
    this.#stop({ code: 1000, reason: "closed" });
  }

  /** Call when the network or the page is back: connects now instead of waiting, or checks that the line still lives. */
  wake() {
    if (this.#state === "waiting") this.#open();
    else if (this.#state === "online") this.#ping(5000);
  }

  // ---- connection -------------------------------------------------------------------------------------------------

  async #open() {
    clearTimeout(this.#retryTimer);
    const generation = ++this.#generation;
    this.retryAt = 0;
    this.#setState("connecting");
    let token;
    try {
      token = await this.#options.getToken({ fresh: this.#fresh });
    } catch {
      if (generation === this.#generation) this.#retry({});
      return;
    }
    if (generation !== this.#generation) return;
    if (!token) return this.#stop({ code: 4001, reason: "signed_out" });
    this.#fresh = false;
    const socket = (this.#socket = new this.#options.WebSocket(this.#options.url));
    const current = () => generation === this.#generation;
    this.#openTimer = setTimeout(() => current() && this.#drop(), this.#options.deadlineMs);
    socket.onopen = () => current() && this.#signIn(token);
    socket.onmessage = ({ data }) => current() && this.#receive(data);
    socket.onerror = () => {};                       // a close follows and says the same
    socket.onclose = ({ code }) => current() && this.#lost(code);
  }

  #signIn(token) {
    this.#write("auth", { token }, (ack) => this.#ready(ack)).catch((error) => {
      if (error.code === "disconnected" || this.#state === "stopped") return;
      this.#fresh = error.code === "unauthenticated" || error.code === "forbidden";
      this.#drop();
    });
  }

  #ready(ack) {
    clearTimeout(this.#openTimer);
    this.#readyAt = Date.now();
    this.userId = ack.user?.id ?? this.userId;
    for (const room of this.rooms.values()) room.userId = this.userId;
    this.#setState("online");
    this.#watch();
    this.emit("ready", ack);
    for (const room of this.rooms.values()) this.#sync(room).catch(() => {});
    for (const queued of this.#queued.splice(0)) {
      clearTimeout(queued.timer);
      this.#write(queued.event, queued.data, undefined, queued.deadlineMs).then(queued.resolve, queued.reject);
    }
    this.outbox.flush();
  }

  /** Gives up the present socket without waiting for its close, which on a dead line may take minutes. */
  #drop() {
    const socket = this.#socket;
    this.#lost(1006);
    socket?.close(4008);
  }

  #lost(code) {
    const rule = CLOSE_CODES[code] ?? { retry: true };
    this.#detach();
    if (rule.fresh) this.#fresh = true;
    if (rule.retry) this.#retry(rule);
    else this.#stop({ code, reason: rule.reason ?? "closed" });
  }

  /** @param {{after?: [number, number], now?: boolean}} rule */
  #retry({ after, now }) {
    if (this.#readyAt && Date.now() - this.#readyAt > STABLE_AFTER_MS) this.#failures = 0;
    this.#readyAt = 0;
    const { random, maxBackoffMs } = this.#options;
    const backoffMs = Math.min(maxBackoffMs, 500 * 2 ** Math.min(this.#failures, 10)) * (0.5 + random() / 2);
    const waitMs = after ? after[0] + random() * (after[1] - after[0]) : now && this.#failures === 0 ? 0 : backoffMs;
    this.#failures += 1;
    this.retryAt = Date.now() + waitMs;
    this.#setState("waiting");
    this.#retryTimer = setTimeout(() => this.#open(), waitMs);
  }

  #stop(reason) {
    this.retryAt = 0;
    for (const queued of this.#queued.splice(0)) {
      clearTimeout(queued.timer);
      queued.reject(new GreenroomError("closed", "The connection is closed."));
    }
    this.#setState("stopped");
    this.emit("stopped", reason);
  }

  /** Lets go of the socket; what waited for an ack learns that none will come. */
  #detach() {
    this.#generation += 1;
    this.#socket = null;
    for (const timer of [this.#retryTimer, this.#openTimer, this.#heartbeatTimer]) clearTimeout(timer);
    for (const room of this.rooms.values()) room.live = false;
    for (const waiting of [...this.#pending.values()]) {
      waiting.reject(new GreenroomError("disconnected", "The connection was lost."));
    }
    this.#syncing.clear();
  }

  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.emit("state", state);
  }

  /** A browser cannot see WebSocket pings, so silence is answered with a `ping` command. */
  #watch() {
    clearTimeout(this.#heartbeatTimer);
    const silentMs = Date.now() - this.#heardAt;
    if (silentMs >= this.#heartbeatMs) this.#ping(10000);
    this.#heartbeatTimer = setTimeout(() => this.#watch(), Math.max(1000, this.#heartbeatMs - silentMs));
  }

  #ping(deadlineMs) {
    const generation = this.#generation;
    this.#write("ping", {}, undefined, deadlineMs).catch(({ code }) => {
      if (code === "timeout" && generation === this.#generation) this.#drop();
    });
  }

  /** The server says a minute ahead that the token ends: sign in anew on the open line. */
  async #prolong() {
    try {
      const token = await this.#options.getToken({ fresh: true });
      if (token && this.#state === "online") await this.#write("auth", { token });
    } catch { /* the server closes with 4001 and the next attempt takes a fresh token */ }
  }

  // ---- frames -----------------------------------------------------------------------------------------------------

  #receive(text) {
    this.#heardAt = Date.now();
    const { event, id, data = {} } = JSON.parse(text);
    if (event === "ack") return this.#pending.get(id)?.settle(data);
    if (event === "hello") this.#heartbeatMs = data.heartbeatIntervalMs ?? this.#heartbeatMs;
    if (event === "system:notification" && data.kind === "token_expiring") this.#prolong();
    if (event === "message:receive") this.outbox.settle(data.message);
    if (event === "user:status") for (const room of this.rooms.values()) room.apply(event, data);
    const room = this.rooms.get(data.conversationId);
    if (room && !room.apply(event, data)) this.#sync(room).catch(() => {});
    this.emit(event, data);
  }

  /**
   * `onAck` runs before the next frame is looked at: a join's snapshot must be in place when its live events come.
   * @returns {Promise<any>}
   */
  #write(event, data, onAck, deadlineMs = this.#options.deadlineMs) {
    return new Promise((resolve, reject) => {
      const id = String(this.#nextId++);
      const end = () => {
        this.#pending.delete(id);
        clearTimeout(timer);
      };
      const fail = (error) => { end(); reject(error); };
      const timer = setTimeout(() => fail(new GreenroomError("timeout", "The server did not answer in time.")), deadlineMs);
      const settle = (ack) => {
        if (!ack.success) return fail(new GreenroomError(ack.code, ack.error, ack.retryAfterMs));
        end();
        onAck?.(ack);
        resolve(ack);
      };
      this.#pending.set(id, { settle, reject: fail });
      this.#transmit({ event, id, data });
    });
  }

  #transmit(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /**
   * Sends a command and waits for its ack. While not online it waits for the line, within the same deadline.
   * @param {string} event @param {object} [data] @param {number} [deadlineMs] @returns {Promise<any>} the ack's data
   */
  command(event, data = {}, deadlineMs = this.#options.deadlineMs) {
    if (this.#state === "online") return this.#write(event, data, undefined, deadlineMs);
    if (this.#state === "stopped" || this.#queued.length >= MAX_QUEUED_COMMANDS) {
      return Promise.reject(new GreenroomError("disconnected", "There is no connection."));
    }
    return new Promise((resolve, reject) => {
      const queued = { event, data, deadlineMs, resolve, reject, timer: setTimeout(() => {
        this.#queued = this.#queued.filter((other) => other !== queued);
        reject(new GreenroomError("timeout", "There was no connection in time."));
      }, deadlineMs) };
      this.#queued.push(queued);
    });
  }

  /** Sends a command that needs no answer and is worth nothing later (typing, status); dropped when not online. */
  tell(event, data = {}) {
    if (this.#state === "online") this.#transmit({ event, data });
  }

  // ---- rooms ------------------------------------------------------------------------------------------------------

  /**
   * Keeps a room in step from now on, over reconnects too. @param {string} conversationId
   * @returns {Promise<Room>} settled when the room holds what the server has; at once while not online (it fills later)
   */
  async join(conversationId) {
    const held = this.rooms.get(conversationId);
    const room = held ?? new Room(conversationId, this.userId);
    this.rooms.set(conversationId, room);
    if (!room.live && this.#state === "online") await this.#sync(room);
    return room;
  }

  /** @param {string} conversationId */
  leave(conversationId) {
    if (this.rooms.delete(conversationId)) this.tell("conversation:leave", { conversationId });
  }

  /** One join at a time per room, page by page, from where the room stands. */
  #sync(room) {
    const running = this.#syncing.get(room.id);
    if (running) return running;
    const walk = async () => {
      for (let more = true, stood = -1; more && room.offset !== stood && this.rooms.get(room.id) === room;) {
        stood = room.offset;
        const from = room.offset === null ? {} : { epoch: room.epoch, offset: room.offset };
        ({ more } = await this.#write("conversation:join", { conversationId: room.id, ...from }, (ack) => {
          room.applySnapshot(ack);
          for (const message of ack.messages) this.outbox.settle(message);
        }));
      }
    };
    const generation = this.#generation;
    const done = walk().catch((error) => {
      if (error.code === "not_found" || error.code === "forbidden") room.end();
      else if (error.code !== "disconnected") {
        const again = () => generation === this.#generation && this.rooms.get(room.id) === room && this.#sync(room).catch(() => {});
        setTimeout(again, error.retryAfterMs ?? 2000 + this.#options.random() * 2000);
      }
      throw error;
    }).finally(() => this.#syncing.get(room.id) === done && this.#syncing.delete(room.id));
    this.#syncing.set(room.id, done);
    return done;
  }

  /** Loads the page above what is shown. @param {string} conversationId @returns {Promise<boolean>} more is there */
  async loadOlder(conversationId, limit = 50) {
    const room = this.rooms.get(conversationId);
    const { past } = room ?? {};
    if (!room || !(past ?? room).hasOlder) return false;
    const before = room.shown()[0]?.offset;
    const page = await this.#page(conversationId, { limit, ...(before ? { before } : {}) });
    if (past && past === room.past) room.applyPast("older", page);
    else if (!past) room.applyOlder(page);
    return (room.past ?? room).hasOlder;
  }

  /** Loads the page below a stretch far above, until it meets the newest messages. @param {string} conversationId */
  async loadNewer(conversationId, limit = 50) {
    const room = this.rooms.get(conversationId);
    const { past } = room ?? {};
    if (!room || !past) return;
    const page = await this.#page(conversationId, { limit, after: past.list().at(-1)?.offset ?? 0 });
    if (past === room.past) room.applyPast("newer", page);
  }

  /**
   * Makes `room.shown()` hold the place `offset` of the log: nothing to do where it is held, else a stretch around it.
   * @param {string} conversationId @param {number} offset
   */
  async loadAround(conversationId, offset, limit = 50) {
    const room = this.rooms.get(conversationId);
    if (!room || room.reaches(offset)) return room?.leavePast();
    const half = Math.ceil(limit / 2);
    const [older, newer] = await Promise.all([this.#page(conversationId, { limit: half, before: offset + 1 }), this.#page(conversationId, { limit: half, after: offset })]);
    room.past = null;
    room.applyPast("older", older);
    room.applyPast("newer", newer);
  }

  #page(conversationId, range) {
    return this.command("conversation:messages", { conversationId, ...range });
  }

  /**
   * Sends a message, again after each reconnect, until it is acked or refused for good. Order within a room is kept.
   * @param {string} conversationId @param {string} content @param {{replyTo?: string, reply?: string, type?: string, attachment?: object}} [fields]
   * @returns {import("./client/outbox.js").Outgoing}
   */
  send(conversationId, content, fields = {}) {
    return this.outbox.add(conversationId, content, fields);
  }
}
