// @ts-check
/**
 * Greenroom's console: opens the door, keeps the session, and puts the view that the address names on the page.
 *
 * Addresses: `#/` characters, `#/characters/<slug>` one of them, `#/c/<id>[/<offset>]` a conversation (at a place of its log),
 * `#/public[/<category>]`, `#/search[/<words>]`, `#/deleted`, `#/dashboard[/<part>]`, `#/account[/<part>]`, `#/plans`, from a checkout `#/plans/left` and
 * `#/plans/paid/<session>`, `#/studio[/of/<avatar>|/film/<picture>]`, `#/avatars[/<id>]` (`new` opens the form), `#/media`, `#/admin[/<part>]`, `#/admin/dashboard`, `#/admin/people/<id>`, `#/admin/characters[/<slug>]` (`new` makes one),
 * `#/admin/ai[/<part>]`, `#/admin/billing[/<part>]`, `#/admin/billing/of/<id>` one person's payments; from mails `#/reset/<token>`, `#/verified` and `#/verify-failed`.
 *
 * Stable `data-testid`s, for tests from outside:
 *   door            signin-form, signin-name, signin-email, signin-username, signin-display-name, signin-password,
 *                   signin-submit, signin-error, signin-toggle (to and from "create account"), demo-button, door-notice,
 *                   door-back, door-mobile, door-forgotten, otp-mobile, otp-send-submit, otp-told, otp-code, otp-submit,
 *                   forgot-name, forgot-submit, reset-code, reset-password, reset-submit, provider-<name>, id-token
 *   frame           connection-state (data-state: connecting, online, reconnecting, offline), connection-banner,
 *                   new-conversation, find-button, conversation-item (data-conversation-id), account-link, admin-link, theme-toggle, sign-out, menu-button (phone)
 *   characters      character-card (data-character-id, data-slug), card-about, card-continue, character-search, cast-category,
 *                   cast-trait, cast-sort, cast-tag (data-tag), cast-more, gather, room-pick, gather-title, room-create; palette, palette-input (Ctrl+K)
 *   character       character-page, begin-chat, greeting, begin-with-<n>, character-facts, rating, rating-<1 to 5>, rating-said,
 *                   gallery, gallery-item, gallery-locked, gallery-manage, memory, memory-fact, memory-edit, memory-input, memory-save, memory-erase, memory-erase-all, edit-character
 *   conversation    message (data-message-id, data-offset, data-sender-kind: user, character; data-state: pending, sent,
 *                   failed for one's own; queued, thinking, streaming, complete, stopped, length, interrupted, failed for
 *                   replies; deleted), composer-input, composer-quote, composer-unquote, mentions, mention, send-button,
 *                   stop-button, usage (data-level: ok, near, out, unlimited), offline-voice, jump-to-latest, unread-line, resend-button, discard-button, again-button, announcer
 *   files           attach-button, attach-file, tray, tray-item (data-kind, data-state), tray-<remove|again>, record-button, recorder
 *                   (data-state), record-<stop|cancel>, file (data-state: processing, ready, failed, deleted; data-type), sound
 *                   (data-playing), sound-play, sound-line, viewer, viewer-<back|on|zoom|download|close>
 *   library         studio-link, studio-tab-<make|avatars|library>, library, library-item (data-media-id, data-kind, data-state),
 *                   library-<open|file|drop|used|kind|purpose|more>, upload-line (data-state), upload-<cancel|again>, details, details-<download|link|delete>
 *   studio          wish, wish-kind-<kind>, wish-quality-<quality>, wish-<prompt|better|told|plain|optimize|avatar|size|seconds|from>,
 *                   wish-<cost|credits|submit|error>, contents, contents-<kind|state|avatarId>, content (data-content-id, data-kind,
 *                   data-state, data-provider), content-<progress|optimized|open|cancel|retry|download|reuse|film|delete|more>
 *   avatars         avatars, avatar-card (data-avatar-id, data-state), avatar-<open|chat|new|limit|stats|import>, avatar-<name|
 *                   description|visibility|category|tags|cost|submit|error|cancel>, avatar-page, avatar-<talk|make|link|redraw|seen|
 *                   writing|fault|numbers|edit-visibility|save|edit-error|delete>, avatar-export-<format>
 *   a message       message-toolbar, deed-<deed> and on a phone message-sheet, sheet-<deed> (react, reply, copy, edit,
 *                   regenerate, continue, delete), edit-input, edit-save, edit-resend, edit-cancel, reaction (data-emoji),
 *                   reaction-picker, reaction-choice (data-emoji), quote, variant-back, variant-at, variant-on
 *   beside it       room-panel (data-part), panel-people, panel-search, panel-details, panel-close, member (data-user-id,
 *                   data-presence), invite-name, invite-submit, hand-over, remove-member, leave-room, room-character,
 *                   ask-character, add-character, remove-character, reply-mode, room-search, search-hit (data-offset),
 *                   room-title, room-visibility, room-slug, room-category, room-tags, room-submit, published, public-page,
 *                   featured-badge, feature, room-stats, export-markdown, export-json, delete-conversation
 *   conversations   public-link, public-search, public-sort, public-category, public-conversation (data-slug), search-link, search, search-scope, search-sort, deleted-link, deleted-conversation, restore
 *   everywhere      toast (data-level), confirm, confirm-accept, confirm-cancel, load-error, load-again
 *   plans           plans-link, plans, plan (data-plan, data-present), plan-present, plan-buy, plan-subscribe, plan-change,
 *                   plan-reactivate, standing (data-plan, data-source), standing-words, subscription (data-status, data-ending),
 *                   cancel, reactivate, portal, payments-link, payments-off, payments-test, checkout-left, paid (data-status: asking, paid, open, pending, expired, unknown), paid-plans
 *   dashboard       dashboard-link, dashboard-tab-<part>, dashboard-overview, dashboard-tiles, dashboard-spans, dashboard-characters,
 *                   dashboard-recent, dashboard-analytics, dashboard-span, analytics-totals, analytics-characters, activity, activity-item (data-kind), dashboard-limits, limits, limits-warning, limit (data-name, data-level), dashboard-error,
 *                   dashboard-again; for admins figures-link, admin-dashboard, admin-dashboard-<span|now|totals|characters|providers>
 *   account         account-tab-<part>, account-usage, usage-plan, usage-plans, credits, credits-count, credits-price,
 *                   credits-buy-submit, credit-history, payment-history, payment (data-status), plan-link, profile-<field>, profile-submit, email-verified, email-unverified,
 *                   resend-verification, password-current, password-new, password-submit, devices, end-session, logout-all,
 *                   api-keys, key-name, key-submit, key-value, revoke-key, history, export, leave-sure, leave-password, leave-submit
 *   admin           characters-link, admin-character, admin-new-character, import-drop, import-file, import-preview,
 *                   import-confirm, gallery-files, gallery-drop, gallery-file-<caption|tags|premium>, admin-gallery,
 *                   admin-gallery-item (data-state), admin-gallery-remove, editor-part-<part>, editor-<field>, editor-save, editor-delete, export-<v2|v3|png>,
 *                   lore-entry, lore-add, admin-tab-<part>, queues-link, people-q, person, person-open, outbox, audit, kick-button, broadcast-title, broadcast-body, broadcast-send, drain-button
 *   AI              ai-link, ai-tab-<part>, ai-providers, provider (data-provider), provider-power, provider-drain, ai-usage-span,
 *                   ai-usage-measure, ai-usage-group, ai-usage-totals, ai-usage, bench-character, bench-message, bench-submit, bench-reply, bench-prompt, dead-replies, dead-reply, dead-reply-retry
 *   money           billing-link, billing-tab-<part>, admin-payments, payments-status, payments-all, revenue-span, revenue-measure,
 *                   revenue-totals, revenue-chart, revenue-tables, webhook, webhook-test, webhook-steps, events-state,
 *                   events-type, events-refresh, stripe-events, stripe-event (data-event, data-state), event-open,
 *                   event-payload, event-replay, books-run, books-report, person-billing, reload, reload-submit, reload-answer
 */
import { Api, mayBeSignedIn } from "./api.js";
import { GreenroomClient } from "./client.js";
import { State } from "./state.js";
import { AccountView } from "./ui/account/account.js";
import { AdminView } from "./ui/admin/admin.js";
import { FiguresView } from "./ui/admin/figures.js";
import { AiView } from "./ui/admin/ai/ai.js";
import { BillingView } from "./ui/admin/billing/billing.js";
import { EditorView } from "./ui/admin/characters/editor.js";
import { AdminCharactersView } from "./ui/admin/characters/list.js";
import { CharactersView } from "./ui/characters/gallery.js";
import { CharacterPage } from "./ui/characters/page.js";
import { DeletedView } from "./ui/conversations/deleted.js";
import { PublicView } from "./ui/conversations/public.js";
import { SearchView } from "./ui/conversations/search.js";
import { DashboardView } from "./ui/dashboard/dashboard.js";
import { signBy } from "./ui/media/file.js";
import { LibraryView } from "./ui/media/library.js";
import { showDoor } from "./ui/door/door.js";
import { returned } from "./ui/door/providers.js";
import { h, icon } from "./ui/dom.js";
import { forgetKept } from "./ui/kept.js";
import { closeDialogs, toast, toastError } from "./ui/overlays.js";
import { openPalette } from "./ui/palette.js";
import { PaidView } from "./ui/plans/paid.js";
import { PlansView } from "./ui/plans/plans.js";
import { ChatView } from "./ui/room/chat.js";
import { Shell } from "./ui/shell.js";
import { AvatarPage } from "./ui/studio/avatar.js";
import { AvatarsView } from "./ui/studio/avatars.js";
import { StudioView } from "./ui/studio/studio.js";
import { STOPPED } from "./ui/words.js";

const RETRY_MS = 3000;
const REFRESH_MS = 60000;
/** Rooms kept in step at a time, so that going back to one is instant. */
const MAX_ROOMS = 8;
/** Where the link of a mail ends. @type {Record<string, {title: string, body: string, level: "success"|"warning"}>} */
const VERIFIED = {
  verified: { title: "Your e-mail address is proved", body: "Thank you.", level: "success" },
  "verify-failed": { title: "This link is over", body: "Sign in and ask for a new one on your account's page.", level: "warning" },
};

/** Where a notice leads, by what its kind begins with. @type {Record<string, {href: string, text: string}>} */
const NOTICE_LINKS = {
  quota: { href: "#/plans", text: "Plans with more" }, plan: { href: "#/plans", text: "Your plan" }, payment: { href: "#/plans", text: "Your plan" },
  credits: { href: "#/account/credits", text: "Your credits" },
};

/** One part of an address; what is not an address of ours stays as it is. @param {string} part */
const decoded = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const api = new Api();
let info = /** @type {any} */ (null);
let session = /** @type {Session|null} */ (null);

/** All that lives from signing in to signing out. */
class Session {
  view = /** @type {any} */ (null);

  constructor() {
    /** What no socket tells of (rooms that are not open here) is asked for while the page is looked at. */
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
    this.state = new State(api);
    this.client = new GreenroomClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
      getToken: (wanted) => api.token(wanted),
    });
    /** What every view is given. */
    this.context = {
      api, info, state: this.state, client: this.client,
      navigate: (hash) => { location.hash = hash; },
      menuButton: () => this.shell.menuButton(),
      openPalette: () => openPalette(this.context),
      signOut: () => leave(""),
      signedOut: (notice) => leave(notice, { ended: true }),
      titled: (view) => view === this.view && this.#title(),
      gone: (id) => this.#gone(id),
    };
    this.shell = new Shell(this.context);
    signBy(api);
    this.#listen();
  }

  async start() {
    root.replaceChildren(this.shell.element);
    this.client.connect();
    await this.state.load().catch((error) => toastError(error, "Not everything could be loaded"));
    if (session !== this) return;
    if (!this.state.user) return void setTimeout(() => session === this && this.start(), RETRY_MS);
    if (!this.view) this.route();                     // an address that was chosen meanwhile is shown already
  }

  #listen() {
    const { client, state } = this;
    state.on("user", () => this.shell.drawUser());
    client.on("usage", (usage) => {
      state.setUsage(usage);
      if (usage.plan && state.user && usage.plan !== state.user.plan) this.#plansChanged();
    });
    client.on("usage:part", (usage) => state.moveUsage(usage));
    client.on("message:receive", ({ message }) => state.noteMessage(message));
    client.on("message:update", ({ message }) => state.noteChange(message));
    client.on("member:remove", ({ conversationId, userId }) => userId === state.user?.id && this.#gone(conversationId));
    client.on("conversation:delete", ({ conversationId }) => this.#gone(conversationId));
    client.on("conversation:update", ({ conversationId, offset: _offset, ...details }) => state.conversations.has(conversationId) && state.putConversation({ id: conversationId, ...details }));
    client.on("character:update", (update) => state.noteCharacter(update));
    client.on("message:read", ({ userId, conversationId, readOffset }) => userId === state.user?.id && state.noteRead(conversationId, readOffset));
    client.on("conversation:create", ({ conversation }) => state.putConversation(conversation));
    client.on("system:notification", (notice) => this.#told(notice));
    client.on("stopped", ({ reason }) => ["signed_out", "ended_by_admin"].includes(reason) && leave(STOPPED[reason]));
    client.on("outgoing", ({ error }) => error?.code === "quota_exceeded" && state.loadUser().catch(() => {}));
    let before = false;
    client.on("ready", () => {
      if (before || !state.conversationsLoaded) this.refresh();
      before = true;
    });
  }

  /** @param {any} notice */
  #told(notice) {
    if (notice.kind === "token_expiring") return;
    const [about] = (notice.kind ?? "").split(".");
    toast({ ...notice, link: NOTICE_LINKS[about] });
    if (["plan", "payment", "credits"].includes(about)) this.#plansChanged();
  }

  /** Another plan holds, or something was paid, given or taken. */
  #plansChanged() {
    this.state.loadUser().catch(() => {});
    this.state.emit("billing");
  }

  /** Catches up on what no socket event tells of: conversations that are not open here. */
  refresh() {
    this.state.loadConversations().catch(() => {});
    if (!this.state.characters.size) this.state.loadCharacters().catch(() => {});
  }

  route() {
    if (!this.state.user) return;
    if (this.#followMail()) return;
    const [, name, id, more, last] = location.hash.split("/").map(decoded);
    this.view?.destroy();
    this.view = null;
    closeDialogs();
    this.view = this.#view(name, id, more, last);
    this.shell.show(this.view.element, name === "c" ? id : null);
    this.shell.close();
    this.#title();
    if (this.view.focus) this.view.focus();
    else this.shell.place.focus({ preventScroll: true }); // so that Tab and a screen reader go on from the new view
    this.#forgetRooms(id);
  }

  /** @param {string} name @param {string} [id] @param {string} [more] @param {string} [last] */
  #view(name, id, more, last) {
    const { context } = this;
    const admin = this.state.user.role === "admin";
    if (name === "c" && id) return new ChatView(context, id, more);
    if (name === "characters" && id) return new CharacterPage(context, id);
    if (name === "public") return new PublicView(context, id);
    if (name === "search") return new SearchView(context, id);
    if (name === "deleted") return new DeletedView(context);
    if (name === "dashboard") return new DashboardView(context, id);
    if (name === "media") return new LibraryView(context);
    if (name === "studio") return new StudioView(context, id, more);
    if (name === "avatars") return id && id !== "new" ? new AvatarPage(context, id) : new AvatarsView(context, id === "new");
    if (name === "account") return new AccountView(context, id);
    if (name === "plans") return id === "paid" ? new PaidView(context, more) : new PlansView(context, id);
    if (name === "admin" && admin && id === "characters") return more ? new EditorView(context, more) : new AdminCharactersView(context);
    if (name === "admin" && admin && id === "dashboard") return new FiguresView(context);
    if (name === "admin" && admin && id === "ai") return new AiView(context, more);
    if (name === "admin" && admin && id === "billing") return new BillingView(context, more, last);
    if (name === "admin" && admin) return new AdminView(context, id, more);
    return new CharactersView(context);
  }

  /** The addresses that mails lead to. */
  #followMail() {
    const [, name, token] = location.hash.split("/");
    if (name === "reset" && token) {
      leave("", { panel: "reset", given: { token } });
      return true;
    }
    const notice = VERIFIED[/** @type {keyof typeof VERIFIED} */ (name)];
    if (!notice) return false;
    toast(notice);
    location.replace("#/account");
    return true;
  }

  #title() {
    document.title = `${this.view.title} · Greenroom`;
  }

  #gone(id) {
    this.client.leave(id);
    this.state.dropConversation(id);
    if (location.hash.startsWith(`#/c/${id}`)) location.hash = "#/";
  }

  #forgetRooms(current) {
    const { rooms } = this.client;
    const shown = rooms.get(/** @type {string} */ (current));
    if (shown) {                                      // the latest goes to the end
      rooms.delete(current);
      rooms.set(current, shown);
    }
    for (const id of [...rooms.keys()].slice(0, Math.max(0, rooms.size - MAX_ROOMS))) this.client.leave(id);
  }

  end() {
    clearInterval(this.timer);
    this.view?.destroy();
    this.client.close();
    this.state.end();
    signBy(null);
    forgetKept();
    closeDialogs();
    this.shell.destroy();
  }
}

/**
 * Ends the session and shows the door. @param {string} notice
 * @param {{panel?: string, given?: any, ended?: boolean}} [at] `ended`: the server has ended it already
 */
async function leave(notice, { ended: over = false, ...at } = {}) {
  const ended = session;
  session = null;
  ended?.end();
  if (over) api.forget();
  else await api.logout();
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (!session) open(notice, at);
}

/** @param {string} notice @param {{panel?: string, given?: any}} [at] */
function open(notice, at = {}) {
  showDoor(root, { api, info, notice, ...at, onSignedIn: enter });
}

/** What the address says about the door: a link from a mail was opened by somebody who is not signed in. */
function openByAddress() {
  const [, name, token] = location.hash.split("/");
  const verified = VERIFIED[/** @type {keyof typeof VERIFIED} */ (name)];
  if (name === "reset" || verified) history.replaceState(null, "", location.pathname);
  if (name === "reset" && token) open("", { panel: "reset", given: { token } });
  else open(verified ? `${verified.title}. ${verified.body}` : "");
}

/** Back from an identity provider. @param {NonNullable<ReturnType<typeof returned>>} back */
async function goOnWith(back) {
  if ("problem" in back) return open(back.problem);
  try {
    if (back.purpose === "link" && await api.refresh()) {
      await api.post("/api/auth/identities", { idToken: back.idToken });
      history.replaceState(null, "", "#/account/ways-in");
    } else {
      await api.signInByIdToken(back.idToken);
    }
    enter();
  } catch (error) {
    if (api.signedIn) enter();
    else open(error.message);
    if (api.signedIn) toastError(error, "It was not linked");
  }
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
    const back = returned();
    if (back) await goOnWith(back);
    else if (mayBeSignedIn() && await api.refresh()) enter();
    else openByAddress();
  } catch (error) {
    if (error.status > 0 && error.status < 500) return openByAddress();
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
