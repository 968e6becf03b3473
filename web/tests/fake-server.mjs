/** A WebSocket that never leaves the process: the test plays the server, frame by frame. */
export class FakeServer {
  sockets = [];

  constructor() {
    const server = this;
    this.WebSocket = class {
      readyState = 0;
      sent = [];
      constructor(url) {
        this.url = url;
        server.sockets.push(this);
      }
      send(text) { this.sent.push(JSON.parse(text)); }
      close(code) { this.closedWith = code; }
    };
  }

  get socket() { return this.sockets.at(-1); }

  /** Opens the newest socket and signs it in. */
  async open() {
    this.socket.readyState = 1;
    this.socket.onopen();
    this.frame("hello", { protocol: 1, heartbeatIntervalMs: 25000 });
    this.ack(this.taken("auth"), { sessionId: "s" });
    await settled();
  }

  frame(event, data) { this.socket.onmessage({ data: JSON.stringify({ event, data }) }); }

  /** The oldest command of that name which was not taken yet. */
  taken(event) {
    const at = this.socket.sent.findIndex((command) => command.event === event);
    if (at < 0) throw new Error(`no ${event} was sent, only ${JSON.stringify(this.socket.sent)}`);
    return this.socket.sent.splice(at, 1)[0];
  }

  asked(event) { return this.socket.sent.filter((command) => command.event === event).length; }

  ack(command, data) { this.socket.onmessage({ data: JSON.stringify({ event: "ack", id: command.id, data: { success: true, ...data } }) }); }

  refuse(command, code, more = {}) {
    this.socket.onmessage({ data: JSON.stringify({ event: "ack", id: command.id, data: { success: false, code, error: code, ...more } }) });
  }

  close(code) {
    this.socket.readyState = 3;
    this.socket.onclose({ code });
  }
}

/** Lets promises that are ready run. */
export async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

export const message = (offset, more = {}) => ({ id: `m${offset}`, conversationId: "r", offset, revision: offset, sender: { kind: "user", id: "u" },
  content: `text ${offset}`, finish: "complete", replies: [], createdAt: "2026-01-01T00:00:00Z", ...more });

export const snapshot = (offset, more = {}) => ({ conversation: { id: "r" }, epoch: "e1", offset, recovered: false, more: false, messages: [], replies: [],
  reads: [], presence: [], ...more });
