// @ts-check
/** What the native protocol fixes for every client (its codes), and the two small tools the client is made of. */

/** Calls listeners by name. A listener that throws is reported and stops nobody else. */
export class Emitter {
  #listeners = new Map();

  /** @param {string} name @param {(data: any) => void} listener @returns {() => void} stops listening */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** @param {string} name @param {any} [data] */
  emit(name, data) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(data);
      } catch (error) {
        console.error(error);
      }
    }
  }
}

/** An `ack` that refused, or a local end of waiting (`timeout`, `disconnected`, `closed`). */
export class GreenroomError extends Error {
  /** @param {string} code @param {string} message @param {number} [retryAfterMs] */
  constructor(code, message, retryAfterMs) {
    super(message);
    this.name = "GreenroomError";
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * What to do after each close code. `after`: [least, most] milliseconds to wait; without it, backoff. `now`: the first
 * attempt at once. `fresh`: with a new token. A code that is not here (1006 is a broken line) is `{ retry: true }`.
 * @type {Record<number, {retry: boolean, after?: [number, number], now?: boolean, fresh?: boolean, reason?: string}>}
 */
export const CLOSE_CODES = {
  1000: { retry: false, reason: "closed" },
  1001: { retry: true, after: [500, 5000] },
  1009: { retry: false, reason: "frame_too_large" },
  4000: { retry: true },
  4001: { retry: true, now: true, fresh: true },
  4003: { retry: false, reason: "protocol" },
  4004: { retry: false, reason: "ended_by_admin" },
  4008: { retry: true },
  4009: { retry: true, now: true },
  4010: { retry: false, reason: "too_many_connections" },
  4013: { retry: true, after: [60000, 66000] },
};
