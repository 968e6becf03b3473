// @ts-check
/**
 * Greenroom's console: opens the door, keeps the session, and puts the view that the address names on the page.
 *
 * Addresses: `#/` characters, `#/c/<id>` a conversation, `#/account`, `#/admin`.
 *
 * Stable `data-testid`s, for tests from outside:
 *   sign-in         signin-form, signin-name, signin-email, signin-username, signin-display-name, signin-password,
 *                   signin-submit, signin-error, signin-toggle (to and from "create account"), demo-button
 *   frame           connection-state (data-state: connecting, online, reconnecting, offline), connection-banner,
 *                   new-conversation, find-button, conversation-item (data-conversation-id), account-link, admin-link,
 *                   theme-toggle, sign-out, menu-button (phone)
 *   characters      character-card (data-character-id, data-slug), character-search; palette, palette-input (Ctrl+K)
 *   conversation    message (data-message-id, data-sender-kind: user, character; data-state: pending, sent, failed for
 *                   one's own; queued, thinking, streaming, complete, stopped, length, interrupted, failed for replies),
 *                   composer-input, send-button, stop-button, usage (data-level: ok, near, out, unlimited), offline-voice,
 *                   jump-to-latest, delete-conversation, resend-button, discard-button, again-button, announcer
 *   overlays        toast (data-level), confirm, confirm-accept, confirm-cancel
 *   account         account-usage
 *   admin           admin-tab-<part>, kick-button, broadcast-title, broadcast-body, broadcast-send, drain-button
 */
import { Api, mayBeSignedIn } from "./api.js";
import { GreenroomClient } from "./client.js";
import { State } from "./state.js";
import { AccountView } from "./ui/account.js";
import { AdminView } from "./ui/admin.js";
import { CharactersView } from "./ui/characters.js";
import { ChatView } from "./ui/chat.js";
import { h, icon } from "./ui/dom.js";
import { toast, toastError } from "./ui/overlays.js";
import { openPalette } from "./ui/palette.js";
import { Shell } from "./ui/shell.js";
import { showSignIn } from "./ui/sign-in.js";
import { STOPPED } from "./ui/words.js";

const RETRY_MS = 3000;
/** Rooms kept in step at a time, so that going back to one is instant. */
const MAX_ROOMS = 8;

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const api = new Api();
let info = /** @type {any} */ (null);
let session = /** @type {Session|null} */ (null);

/** All that lives from signing in to signing out. */
class Session {
  view = /** @type {any} */ (null);

  constructor() {
    this.state = new State(api);
    this.client = new GreenroomClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
      getToken: (wanted) => api.token(wanted),
    });
    /** What every view is given. */
    this.context = {
      api, state: this.state, client: this.client,
      navigate: (hash) => { location.hash = hash; },
      menuButton: () => this.shell.menuButton(),
      openPalette: () => openPalette(this.context),
      signOut: () => leave(""),
      titled: (view) => view === this.view && this.#title(),
      gone: (id) => this.#gone(id),
    };
    this.shell = new Shell(this.context);
    this.#listen();
  }

  async start() {
    root.replaceChildren(this.shell.element);
    this.client.connect();
    await this.state.load().catch((error) => toastError(error, "Not everything could be loaded"));
    if (session !== this) return;
    if (!this.state.user) return void setTimeout(() => session === this && this.start(), RETRY_MS);
    this.shell.drawUser();
    this.route();
  }

  #listen() {
    const { client, state } = this;
    client.on("usage", (usage) => state.setUsage(usage));
    client.on("message:receive", ({ message }) => state.noteMessage(message));
    client.on("message:read", ({ userId, conversationId, readOffset }) => userId === state.user?.id && state.noteRead(conversationId, readOffset));
    client.on("conversation:create", ({ conversation }) => state.putConversation(conversation));
    client.on("system:notification", (notice) => notice.kind !== "token_expiring" && toast(notice));
    client.on("stopped", ({ reason }) => ["signed_out", "ended_by_admin"].includes(reason) && leave(STOPPED[reason]));
    client.on("outgoing", ({ error }) => error?.code === "quota_exceeded" && state.loadUser().catch(() => {}));
    let before = false;
    client.on("ready", () => {
      if (before || !state.conversationsLoaded) this.refresh();
      before = true;
    });
  }

  /** Catches up on what no socket event tells of: conversations that are not open here. */
  refresh() {
    this.state.loadConversations().catch(() => {});
    if (!this.state.characters.size) this.state.loadCharacters().catch(() => {});
  }

  route() {
    if (!this.state.user) return;
    const [, name, id] = location.hash.split("/");
    this.view?.destroy();
    this.view = null;
    if (name === "c" && id) this.view = new ChatView(this.context, decodeURIComponent(id));
    else if (name === "account") this.view = new AccountView(this.context);
    else if (name === "admin" && this.state.user.role === "admin") this.view = new AdminView(this.context);
    else this.view = new CharactersView(this.context);
    this.shell.show(this.view.element, name === "c" ? id : null);
    this.shell.close();
    this.#title();
    if (this.view.focus) this.view.focus();
    else this.shell.place.focus({ preventScroll: true }); // so that Tab and a screen reader go on from the new view
    this.#forgetRooms(id);
  }

  #title() {
    document.title = `${this.view.title} · Greenroom`;
  }

  #gone(id) {
    this.client.leave(id);
    this.state.dropConversation(id);
    if (location.hash === `#/c/${id}`) location.hash = "#/";
  }

  #forgetRooms(current) {
    const { rooms } = this.client;
    const shown = rooms.get(current);
    if (shown) {                                      // the latest goes to the end
      rooms.delete(current);
      rooms.set(current, shown);
    }
    for (const id of [...rooms.keys()].slice(0, Math.max(0, rooms.size - MAX_ROOMS))) this.client.leave(id);
  }

  end() {
    this.view?.destroy();
    this.client.close();
    this.state.end();
    this.shell.destroy();
  }
}

/** Ends the session and shows the door. @param {string} notice */
async function leave(notice) {
  const ended = session;
  session = null;
  ended?.end();
  await api.logout();
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (!session) showDoor(notice);
}

/** @param {string} notice */
function showDoor(notice) {
  showSignIn(root, { api, info, notice, onSignedIn: enter });
}

function enter() {
  session = new Session();
  session.start();
}

function showUnreachable() {
  root.replaceChildren(h("main.unreachable", { id: "main" }, icon("brand"), h("h1", {}, "The house is dark"),
    h("p", {}, "The server cannot be reached. This page tries again by itself."),
    h("button.button.primary", { type: "button", onclick: begin }, "Try now")));
}

let retry = /** @type {any} */ (0);

/** Goes on with the session of before, if its cookie still stands. */
async function begin() {
  clearTimeout(retry);
  try {
    info = await api.getPublic("/api").catch((error) => { if (error.status === 0) throw error; return null; });
    if (mayBeSignedIn() && await api.refresh()) enter();
    else showDoor("");
  } catch (error) {
    if (error.status > 0 && error.status < 500) return showDoor("");
    showUnreachable();
    retry = setTimeout(begin, RETRY_MS);
  }
}

function onKey(event) {
  if (!session) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    session.context.openPalette();
  } else if (event.key === "Escape" && !document.querySelector("dialog[open]") && !event.isComposing) {
    if (session.shell.isOpen) session.shell.close();
    else session.view?.stopReplies?.();
  }
}

api.onSignedOut = () => session && leave(STOPPED.signed_out);
addEventListener("hashchange", () => session?.route());
addEventListener("online", () => session?.client.wake());
document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !session) return;
  session.client.wake();
  session.refresh();
  session.view?.shown?.();
});
document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault();                             // the address is the router's
  document.getElementById("main")?.focus();
});

begin();
