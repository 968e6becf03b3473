// @ts-check
/** Backstage, for admins: live numbers, who is connected, what runs, and the few levers. */
import { h, icon } from "../dom.js";
import { facts, label, rowsOf, table, tree } from "../facts.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { busily } from "../plans/checkout.js";
import { formatNumber } from "../time.js";
import { audit } from "./audit.js";
import { outbox } from "./outbox.js";
import { people } from "./people.js";
import { reload } from "./reload.js";

const EVERY_MS = 3000;
const LEVELS = ["error", "warn", "info", "debug", "trace"];

export class AdminView {
  title = "Backstage";
  #timer = /** @type {any} */ (0);
  #section = "overview";
  #stamp = 0;

  /** @param {any} context see app.js @param {string} [section] that is shown at first @param {string} [more] whose, among people */
  constructor({ api, info, menuButton }, section = "overview", more) {
    this.api = api;
    this.sections = {
      overview: { title: "Overview", path: "/api/admin/overview", draw: (answer) => this.#overview(answer) },
      sessions: { title: "Sessions", path: "/api/admin/sessions?limit=100", draw: (answer) => this.#sessions(answer) },
      rooms: { title: "Rooms", path: "/api/admin/rooms", draw: (answer) => [table(rowsOf(answer, "rooms"), { first: ["title", "slug", "id"], empty: "No room is live." })] },
      actors: { title: "Actors", path: "/api/admin/actors", draw: (answer) => this.#actors(answer) },
      pool: { title: "Reply pool", path: "/api/admin/pool", draw: (answer) => [h("div.panel", {}, facts(answer, 0, "h2"))] },
      caches: { title: "Caches", path: "/cache/status", draw: (answer) => [table(rowsOf(answer, "caches"), { first: ["name"], empty: "No cache is there." })] },
      people: { title: "People", path: null, draw: () => people(api, more) },
      audit: { title: "Audit", path: null, draw: () => audit(api) },
      ...(info?.environment === "development" ? { outbox: { title: "Outbox", path: null, draw: () => outbox(api) } } : {}),
      controls: { title: "Controls", path: null, draw: () => this.controls },
    };
    this.tabs = Object.entries(this.sections).map(([name, { title }]) => h("button.tab", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "admin-body",
      data: { testid: `admin-tab-${name}`, name }, onclick: () => this.#choose(name), onkeydown: (event) => this.#steer(event) }, title));
    this.body = h("div.admin-body", { id: "admin-body", role: "tabpanel", tabindex: "0" });
    this.fresh = h("p.admin-fresh", {});
    this.controls = this.#controls();
    this.element = h("section.page.admin", { "aria-labelledby": "admin-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "admin-title" }, "Backstage"), this.fresh)),
      h("div.tabs", {}, h("div.tab-list", { role: "tablist", "aria-label": "Parts" }, ...this.tabs), h("a.tab", { href: "#/admin/dashboard", data: { testid: "figures-link" } }, "Figures", icon("arrow")), h("a.tab", { href: "#/admin/characters", data: { testid: "characters-link" } }, "Characters", icon("arrow")), h("a.tab", { href: "#/admin/ai", data: { testid: "ai-link" } }, "AI", icon("arrow")), h("a.tab", { href: "#/admin/billing", data: { testid: "billing-link" } }, "Money", icon("arrow")), h("a.tab", { href: "/admin/queues", data: { testid: "queues-link" } }, "Queues", icon("arrow"))),
      this.body);
    this.#choose(section in this.sections ? section : "overview");
    queueMicrotask(() => this.tabs.find((tab) => tab.tabIndex === 0)?.scrollIntoView({ block: "nearest", inline: "center" }));
  }

  #choose(name) {
    this.#section = name;
    for (const tab of this.tabs) {
      const on = tab.dataset.name === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    }
    this.body.setAttribute("aria-labelledby", `tab-${name}`);
    const { path, draw } = this.sections[/** @type {"overview"} */ (name)];
    this.fresh.textContent = "";
    this.body.replaceChildren(...(path ? [h("p.muted", {}, "Loading")] : draw(null)));
    this.#load();
  }

  #steer(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = this.tabs.findIndex((tab) => tab.dataset.name === this.#section);
    const next = this.tabs[(at + step + this.tabs.length) % this.tabs.length];
    this.#choose(next.dataset.name);
    next.focus();
  }

  async #load() {
    clearTimeout(this.#timer);
    if (this.gone) return;
    const { path, draw } = this.sections[/** @type {"overview"} */ (this.#section)];
    const stamp = ++this.#stamp;
    if (path && !document.hidden) {
      try {
        const answer = await this.api.get(path);
        if (stamp !== this.#stamp) return;
        this.#replace(draw(answer));
        this.fresh.textContent = `Live, every ${EVERY_MS / 1000} seconds`;
        this.fresh.dataset.tone = "";
      } catch (error) {
        if (stamp !== this.#stamp) return;
        this.fresh.textContent = `Not up to date: ${error.message}`;
        this.fresh.dataset.tone = "warn";
      }
    }
    if (path) this.#timer = setTimeout(() => this.#load(), EVERY_MS);
  }

  /** New numbers, with the focus and the scrolling where they were. */
  #replace(nodes) {
    const active = /** @type {HTMLElement} */ (document.activeElement);
    const focused = active !== this.body && this.body.contains(active) ? active : null;
    const scrolled = this.body.querySelector(".table-scroll")?.scrollLeft ?? 0;
    this.body.replaceChildren(...nodes);
    const area = this.body.querySelector(".table-scroll");
    if (area) area.scrollLeft = scrolled;
    if (focused) (this.body.querySelector(`[data-key="${CSS.escape(focused.dataset.key ?? "")}"]`) ?? this.body).focus({ preventScroll: true });
  }

  #overview(answer) {
    const { version, startedAt, uptimeMs, draining, sockets = {}, actors = [], turns, pool, journal, database, ...rest } = answer;
    const live = (kind) => actors.find((branch) => branch.kind === kind)?.live;
    const tiles = { sockets: sockets.open, users: sockets.users, rooms: live("rooms"), personas: live("personas"), replies: turns };
    const panel = (title, ...content) => h("section.panel", {}, h("h2", {}, title), ...content);
    return [
      draining ? h("p.notice.warn", { role: "status" }, icon("warning"), "This node is draining: it takes no new connection and ends when its replies are done.") : null,
      h("div.tiles", {}, ...Object.entries(tiles).filter(([, count]) => count !== undefined).map(([name, count]) => h("div.tile", {}, h("b", {}, formatNumber(count)), h("span", {}, label(name))))),
      h("div.columns", {},
        panel("Server", facts({ version, startedAt, uptimeMs, draining, ...rest })),
        pool ? panel("Reply pool", this.#pool(pool)) : null,
        database ? panel("Database connections", facts(database)) : null,
        panel("Sockets", facts(sockets)),
        journal ? panel("Journal", facts(journal)) : null,
        actors.length ? panel("Actors", table(actors, { first: ["kind", "live"] })) : null),
    ].filter(Boolean);
  }

  #pool(pool) {
    const { workers, running } = pool;
    const bar = typeof workers === "number" && typeof running === "number" && workers > 0
      ? h("div.usage-bar", {}, h("span.usage-text", {}, `${formatNumber(running)} of ${formatNumber(workers)} workers busy`), h("progress", { max: workers, value: Math.min(running, workers), "aria-label": "Workers busy" })) : null;
    const { workers: _workers, running: _running, ...others } = pool;
    return h("div.facts-group", {}, bar, facts(bar ? others : pool));
  }

  #sessions(answer) {
    const rows = rowsOf(answer, "sessions");
    const total = answer.total ?? rows.length;
    return [h("p.muted", {}, `${formatNumber(total)} connected${total > rows.length ? `, the first ${rows.length} shown` : ""}`),
      table(rows, { first: ["username", "displayName", "userId", "id"], empty: "Nobody is connected.",
        action: (row) => h("button.button.quiet.small", { type: "button", onclick: () => this.#kick(row), data: { testid: "kick-button", key: `kick-${row.id ?? row.sessionId}` } }, "End") })];
  }

  async #kick(row) {
    const who = row.username ?? row.userId ?? row.id ?? row.sessionId;
    if (!await confirmed({ title: "End this session?", body: `${who} is disconnected and not reconnected by itself.`, action: "End session" })) return;
    await this.#act(() => this.api.delete(`/api/admin/sessions/${encodeURIComponent(row.id ?? row.sessionId)}`), "Session ended");
    this.#load();
  }

  #actors(answer) {
    const roots = answer.root ? [answer.root] : answer.tree ? [answer.tree].flat() : Array.isArray(answer) ? answer : rowsOf(answer, "actors").length ? rowsOf(answer, "actors") : [answer];
    return [h("ul.actor-tree", { "aria-label": "Actor tree" }, ...roots.map(tree))];
  }

  #controls() {
    const title = h("input", { id: "broadcast-title", required: true, maxLength: 120, data: { testid: "broadcast-title" } });
    const body = h("textarea", { id: "broadcast-body", rows: "3", maxLength: 1000, data: { testid: "broadcast-body" } });
    const level = h("select", { id: "broadcast-level" }, ...["info", "warning", "critical"].map((name) => h("option", { value: name }, label(name))));
    const log = h("select", { id: "log-level" }, ...LEVELS.map((name) => h("option", { value: name, selected: name === "info" }, label(name))));
    const send = h("button.button.primary", { type: "submit", data: { testid: "broadcast-send" } }, "Send to all connections");
    const broadcast = h("form.panel", { "aria-labelledby": "broadcast-head", onsubmit: (event) => {
      event.preventDefault();
      busily(send, () => this.api.post("/api/admin/broadcast", { title: title.value.trim(), body: body.value.trim(), level: level.value }).then(() => {
        title.value = body.value = "";
        toast({ title: "Notice sent", level: "success" });
      }), "That was refused");
    } }, h("h2", { id: "broadcast-head" }, "Tell everybody"),
    h("div.field", {}, h("label", { for: "broadcast-title" }, "Title"), title),
    h("div.field", {}, h("label", { for: "broadcast-body" }, "Text"), body),
    h("div.field", {}, h("label", { for: "broadcast-level" }, "Weight"), level),
    send);
    const logging = h("form.panel", { "aria-labelledby": "log-head", onsubmit: (event) => {
      event.preventDefault();
      this.#act(() => this.api.put("/api/admin/log-level", { level: log.value }), `The log level is now ${log.value}`);
    } }, h("h2", { id: "log-head" }, "Log level"), h("div.field", {}, h("label", { for: "log-level" }, "Level"), log),
    h("button.button.quiet", { type: "submit" }, "Set"));
    const drain = h("section.panel", { "aria-labelledby": "drain-head" }, h("h2", { id: "drain-head" }, "Drain this node"),
      h("p", {}, "New connections are refused, running replies are finished, everyone is told to reconnect elsewhere, then the process ends."),
      h("button.button.danger", { type: "button", data: { testid: "drain-button" }, onclick: () => this.#drain() }, "Drain"));
    return [h("div.columns", {}, broadcast, reload(this.api), logging, drain)];
  }

  async #drain() {
    const yes = await confirmed({ title: "Drain this node?", body: "The server finishes its replies and then ends. If it is the only node, the site is gone until it is started again.", action: "Drain" });
    if (yes) await this.#act(() => this.api.post("/api/admin/drain"), "Draining has begun");
  }

  async #act(request, done) {
    try {
      await request();
      toast({ title: done, level: "success" });
      return true;
    } catch (error) {
      toastError(error, "That was refused");
      return false;
    }
  }

  destroy() {
    this.gone = true;
    this.#stamp += 1;
    clearTimeout(this.#timer);
  }
}
