// @ts-check
/** How the line to the server is: a word in the sidebar, and a banner only when it is gone for more than a moment. */
import { h, setText } from "./dom.js";
import { STOPPED } from "./words.js";

const BANNER_AFTER_MS = 1000;
const WORDS = { idle: "Not connected", connecting: "Connecting", online: "Connected", waiting: "Reconnecting", stopped: "Not connected" };

export class Connection {
  #timer = /** @type {any} */ (0);
  #stops;

  /** @param {import("../client.js").GreenroomClient} client */
  constructor(client) {
    this.client = client;
    this.words = h("span", {});
    this.state = h("p.connection", { role: "status", data: { testid: "connection-state" } }, h("span.connection-dot", { "aria-hidden": "true" }), this.words);
    this.bannerWords = h("span", {});
    this.action = h("button.link", { type: "button" });
    this.banner = h("div.banner", { role: "status", hidden: true, data: { testid: "connection-banner" } }, h("span.spinner", { "aria-hidden": "true" }), this.bannerWords, this.action);
    this.wasOnline = false;
    this.#stops = [client.on("state", (state) => this.#changed(state)), client.on("stopped", (reason) => this.#stopped(reason))];
    this.#changed(client.state);
  }

  #changed(state) {
    const shown = state === "connecting" && this.wasOnline ? "waiting" : state;
    this.state.dataset.state = shown === "waiting" ? "reconnecting" : shown === "stopped" || shown === "idle" ? "offline" : shown;
    setText(this.words, WORDS[/** @type {keyof typeof WORDS} */ (shown)]);
    if (state === "online") {
      this.wasOnline = true;
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.banner.hidden = true;
    } else if (state !== "stopped" && !this.#timer && this.banner.hidden) {
      this.#timer = setTimeout(() => this.#show("Reconnecting. What you write is kept and sent then.", "Try now", () => this.client.wake(), true), BANNER_AFTER_MS);
    }
  }

  #stopped({ reason }) {
    if (reason === "closed" || reason === "signed_out") return;
    clearTimeout(this.#timer);
    const words = STOPPED[reason] ?? STOPPED.closed;
    if (reason === "protocol") this.#show(words, "Reload", () => location.reload(), false);
    else this.#show(words, "Reconnect", () => { this.banner.hidden = true; this.client.connect(); }, false);
  }

  #show(words, action, run, busy) {
    this.#timer = 0;
    this.banner.dataset.busy = String(busy);
    setText(this.bannerWords, words);
    setText(this.action, action);
    this.action.onclick = run;
    this.banner.hidden = false;
  }

  destroy() {
    clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
  }
}
