// @ts-check
/** The frame of a signed-in page: the sidebar (a drawer on a phone) and the place where a view stands. */
import { Connection } from "./connection.js";
import { ConversationList } from "./conversations/list.js";
import { avatar, h, icon, iconButton, setText } from "./dom.js";
import { themeToggle } from "./theme-toggle.js";

/** Places that are reached by a link to another. @type {Record<string, string[]>} */
const PLACES_OF = { "#/studio": ["#/avatars", "#/media"] };
const NARROW = matchMedia("(max-width: 899px)");

export class Shell {
  /** @param {any} context see app.js */
  constructor({ state, client, openPalette, signOut }) {
    this.state = state;
    this.connection = new Connection(client);
    this.list = new ConversationList(state);
    const apple = /mac|iphone|ipad/i.test(navigator.platform);
    this.userName = h("span.user-name", {});
    this.userPlan = h("span.user-plan", {});
    this.userFace = h("span", {});
    const place = (/** @type {string} */ href, /** @type {string} */ name, /** @type {string} */ text, /** @type {string} */ testid) => h("a.nav-link", { href, data: { testid } }, icon(name), text);
    this.places = h("div.sidebar-places", {}, place("#/dashboard", "dial", "Dashboard", "dashboard-link"), place("#/public", "book", "Public", "public-link"), place("#/search", "search", "Search", "search-link"), place("#/deleted", "trash", "Deleted", "deleted-link"), place("#/plans", "crown", "Plans", "plans-link"),
      place("#/studio", "wand", "Studio", "studio-link"));
    this.admin = h("a.nav-link", { href: "#/admin", hidden: true, data: { testid: "admin-link" } }, icon("dial"), "Backstage");
    this.sidebar = h("nav.sidebar", { id: "sidebar", "aria-label": "Conversations" },
      h("div.sidebar-head", {}, h("a.brand", { href: "#/", "aria-label": "Greenroom, to the characters" }, icon("brand"), "Greenroom"),
        iconButton("close", "Close", { class: "icon-button drawer-close", onclick: () => this.close() })),
      h("div.sidebar-actions", {},
        h("a.button.brass.wide", { href: "#/", data: { testid: "new-conversation" } }, icon("plus"), "New conversation"),
        h("button.find-button", { type: "button", onclick: openPalette, "aria-keyshortcuts": "Control+K Meta+K", data: { testid: "find-button" } },
          icon("search"), h("span", {}, "Find"), h("kbd", {}, apple ? "⌘K" : "Ctrl K"))),
      this.list.element,
      h("div.sidebar-foot", {},
        this.places, this.admin,
        h("div.sidebar-user", {},
          h("a.user", { href: "#/account", data: { testid: "account-link" } }, this.userFace, h("span.user-words", {}, this.userName, this.userPlan)),
          themeToggle(),
          iconButton("exit", "Sign out", { data: { testid: "sign-out" }, onclick: signOut })),
        this.connection.state));
    this.scrim = h("div.scrim", { onclick: () => this.close() });
    this.place = h("main.place", { id: "main", tabindex: "-1" }, h("div.splash", {}, icon("brand")));
    this.element = h("div.shell", {}, this.sidebar, this.scrim, h("div.stage", {}, this.connection.banner, this.place));
    this.stops = [state.on("conversations", () => this.#drawUnread())];
    this.onNarrow = () => this.#apply();
    NARROW.addEventListener("change", this.onNarrow);
    this.drawUser();
    this.#apply();
  }

  get isOpen() { return this.element.classList.contains("drawer-open"); }

  drawUser() {
    const { user } = this.state;
    if (!user) return;
    const name = user.displayName || user.username;
    setText(this.userName, name);
    setText(this.userPlan, `${user.plan ?? "free"} plan`);
    this.userFace.replaceChildren(avatar({ name }, "small"));
    this.admin.hidden = user.role !== "admin";
  }

  /** The button that opens the drawer; each view puts one into its own head. */
  menuButton() {
    return h("span.menu-slot", {}, iconButton("menu", "Open the conversations", { "aria-controls": "sidebar", data: { testid: "menu-button" }, onclick: () => this.open() }),
      h("span.menu-dot", { "aria-hidden": "true" }));
  }

  /** @param {HTMLElement} element @param {string|null} conversationId */
  show(element, conversationId) {
    this.place.replaceChildren(element);
    this.list.select(conversationId);
    this.current = conversationId;
    for (const link of this.sidebar.querySelectorAll(".sidebar-foot a")) {
      const href = /** @type {string} */ (link.getAttribute("href"));
      if ([href, ...(PLACES_OF[href] ?? [])].some((place) => location.hash.startsWith(place))) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#drawUnread();
  }

  open() {
    this.opener = document.activeElement;
    this.element.classList.add("drawer-open");
    this.#apply();
    this.sidebar.querySelector(".drawer-close").focus();
  }

  close() {
    if (!this.isOpen) return;
    this.element.classList.remove("drawer-open");
    this.#apply();
    if (this.opener?.isConnected) /** @type {HTMLElement} */ (this.opener).focus();
  }

  /** What is out of sight is out of reach of Tab and of a screen reader too. */
  #apply() {
    this.sidebar.inert = NARROW.matches && !this.isOpen;
    this.place.inert = NARROW.matches && this.isOpen;
  }

  #drawUnread() {
    const others = this.state.conversationList().filter(({ id }) => id !== this.current);
    this.element.classList.toggle("has-unread", others.some((conversation) => this.state.isUnread(conversation)));
  }

  destroy() {
    this.connection.destroy();
    NARROW.removeEventListener("change", this.onNarrow);
    for (const stop of this.stops) stop();
  }
}
