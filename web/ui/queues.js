// @ts-check
/**
 * The page `/admin/queues`: what waits, runs and failed in each queue, and what an admin can do about it.
 *
 * Stable `data-testid`s: queue (data-queue, data-state), queue-toggle, dead-filter, dead-job (data-job-id), dead-retry,
 * dead-drop, dead-more; those of the sign-in and of the overlays are the console's.
 */
import { Api, mayBeSignedIn } from "../api.js";
import { h, icon, iconButton, setText } from "./dom.js";
import { showDoor } from "./door/door.js";
import { confirmed, toast, toastError } from "./overlays.js";
import { themeToggle } from "./theme-toggle.js";
import { compactNumber, duration, formatNumber, fullMoment } from "./time.js";

const EVERY_MS = 5000;
/** The list of dead jobs is asked for when their number changes, and so often at the least. */
const DEAD_EVERY_MS = 60000;
const RETRY_MS = 3000;
const PAGE = 20;
const MAX_SHOWN = 100;

const WHAT = {
  messages: "What people and characters say, on its way into the log of its room.",
  "ai-responses": "Replies that characters are writing, or are about to.",
  "media-processing": "Pictures and sound that are made ready.",
  analytics: "Counts and summaries.",
  emails: "Mails and text messages.",
  maintenance: "The server's own chores.",
};

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const api = new Api();
let board = /** @type {Board|null} */ (null);

/** One queue's card; made once, so that new numbers never take the focus away. */
class Card {
  numbers = /** @type {Map<string, any>} */ (new Map());

  /** @param {any} queue @param {(name: string, act: string) => void} onToggle */
  constructor(queue, onToggle) {
    this.queue = queue;
    const live = queue.kind === "live";
    const number = (key, name) => {
      const value = h("dd", {}, "–");
      this.numbers.set(key, value);
      return h("div", { data: { key } }, h("dt", {}, name), value);
    };
    this.state = h("span.tag", {});
    this.oldest = h("p.queue-oldest", {});
    this.toggle = live ? null : h("button.button.quiet.small", { type: "button", data: { testid: "queue-toggle" },
      onclick: () => onToggle(this.queue.name, this.queue.state === "paused" ? "resume" : "pause") });
    const title = `queue-${queue.name}`;
    this.element = h("section.panel.queue", { "aria-labelledby": title, data: { testid: "queue", queue: queue.name, kind: queue.kind } },
      h("header.queue-head", {}, h("h2", { id: title }, queue.name), this.state),
      h("p.queue-what", {}, WHAT[/** @type {keyof typeof WHAT} */ (queue.name)] ?? ""),
      h("dl.queue-numbers", {}, number("waiting", "Waiting"), live ? null : number("delayed", "Delayed"), number("running", "Running"),
        number("failed", live ? "Failed*" : "Dead"), number("done", live ? "Done*" : "Done 24 h")),
      h("footer.queue-foot", {}, this.oldest, this.toggle ?? h("p.queue-live", {}, "* since this node started")));
    this.show(queue);
  }

  show(queue) {
    this.queue = queue;
    const paused = queue.state === "paused";
    const values = { ...queue, done: queue.done24h ?? queue.doneSinceStart ?? 0 };
    for (const [key, element] of this.numbers) {
      const value = values[key] ?? 0;
      setText(element, compactNumber(value));
      element.title = value < 10000 ? "" : formatNumber(value);
      element.parentElement.dataset.tone = key === "failed" && value > 0 ? "warn" : "";
    }
    this.element.dataset.state = queue.state;
    setText(this.state, queue.kind === "live" ? "live" : queue.state);
    this.state.dataset.tone = paused ? "warn" : "good";
    setText(this.oldest, queue.oldestWaitingMs === null ? "Nothing waits" : `Oldest waits ${duration(queue.oldestWaitingMs / 1000)}`);
    if (!this.toggle) return;
    setText(this.toggle, paused ? "Resume" : "Pause");
    this.toggle.setAttribute("aria-label", `${paused ? "Resume" : "Pause"} ${queue.name}`);
  }
}

/** All that an admin sees after signing in. */
class Board {
  #timer = /** @type {any} */ (0);
  #stamp = 0;
  cards = /** @type {Map<string, Card>} */ (new Map());
  rows = /** @type {Map<string, any>} */ (new Map());
  shown = PAGE;
  /** What the list of dead jobs was made from: asked anew when this changes. */
  #deadOf = "";
  #deadAt = 0;

  constructor() {
    this.fresh = h("p.admin-fresh", {}, "Loading");
    this.list = h("div.queues", {});
    this.filter = h("select", { id: "dead-filter", data: { testid: "dead-filter" }, onchange: () => { this.shown = PAGE; this.load(); } }, h("option", { value: "" }, "All queues"));
    this.total = h("span.tag", {}, "0");
    this.none = h("p.muted", { hidden: true }, "No job was given up. Jobs come here after their last try, and are kept for 30 days unless the settings say otherwise.");
    this.body = h("tbody", {});
    this.table = h("div.table-scroll.dead", { tabindex: "0", role: "region", "aria-labelledby": "dead-title", hidden: true }, h("table", {},
      h("thead", {}, h("tr", {}, ...["Job", "Last error", "Tries", "Died"].map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, h("span.visually-hidden", {}, "Actions")))),
      this.body));
    this.more = h("button.button.quiet", { type: "button", hidden: true, data: { testid: "dead-more" }, onclick: () => { this.shown = Math.min(this.shown + PAGE, MAX_SHOWN); this.load(); } }, "Show more");
    this.deadTitle = h("h2", { id: "dead-title", tabindex: "-1" }, "Dead jobs");
    this.element = h("main.page.queues-page", { id: "main", tabindex: "-1", "aria-labelledby": "page-title" },
      h("header.queues-top", {}, h("a.brand", { href: "/", "aria-label": "Greenroom, to the console" }, icon("brand"), "Greenroom"),
        h("div.queues-tools", {}, themeToggle(), iconButton("exit", "Sign out", { onclick: () => leave(""), data: { testid: "sign-out" } }))),
      h("div.page-words", {}, h("h1", { id: "page-title" }, "Queues"), this.fresh),
      this.list,
      h("section.dead-section", { "aria-labelledby": "dead-title" },
        h("header.dead-head", {}, h("div.dead-title", {}, this.deadTitle, this.total),
          h("div.field.dead-filter", {}, h("label", { for: "dead-filter" }, "Queue"), this.filter)),
        this.none, this.table, this.more));
    this.load();
  }

  async load() {
    clearTimeout(this.#timer);
    const stamp = ++this.#stamp;
    if (!document.hidden) {
      try {
        const { items } = await api.get("/api/admin/queues");
        if (stamp !== this.#stamp) return;
        this.#showQueues(items);
        const deadOf = [this.filter.value, this.shown, ...items.map(({ failed }) => failed)].join();
        if (deadOf !== this.#deadOf || Date.now() - this.#deadAt > DEAD_EVERY_MS) {
          const of = this.filter.value ? `&queue=${encodeURIComponent(this.filter.value)}` : "";
          const dead = await api.get(`/api/admin/dead-jobs?limit=${this.shown}${of}`);
          if (stamp !== this.#stamp) return;
          this.#showDead(dead);
          this.#deadOf = deadOf;
          this.#deadAt = Date.now();
        }
        setText(this.fresh, `Live, every ${EVERY_MS / 1000} seconds`);
        this.fresh.dataset.tone = "";
      } catch (error) {
        if (stamp !== this.#stamp) return;
        setText(this.fresh, `Not up to date: ${error.message}`);
        this.fresh.dataset.tone = "warn";
      }
    }
    this.#timer = setTimeout(() => this.load(), EVERY_MS);
  }

  #showQueues(queues) {
    for (const queue of queues) {
      const card = this.cards.get(queue.name);
      if (card) {
        card.show(queue);
        continue;
      }
      const made = new Card(queue, (name, act) => this.#toggle(name, act));
      this.cards.set(queue.name, made);
      this.list.append(made.element);
      if (queue.kind === "jobs") this.filter.append(h("option", { value: queue.name }, queue.name));
    }
  }

  /** Rows that stay keep their elements, and so the focus. */
  #showDead({ items, total }) {
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      this.#passFocusOn(row);
      row.remove();
      this.rows.delete(id);
    }
    let before = this.body.firstElementChild;
    for (const job of items) {
      let row = this.rows.get(job.id);
      if (row && row === before) {
        before = row.nextElementSibling;
        continue;
      }
      row ??= this.#row(job);
      this.rows.set(job.id, row);
      this.body.insertBefore(row, before);
    }
    setText(this.total, formatNumber(total));
    this.total.dataset.tone = total > 0 ? "warn" : "";
    this.none.hidden = items.length > 0;
    this.table.hidden = items.length === 0;
    this.more.hidden = items.length >= Math.min(total, MAX_SHOWN);
  }

  #passFocusOn(row) {
    if (!row.contains(document.activeElement)) return;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    (next?.querySelector("button") ?? this.deadTitle).focus({ preventScroll: true });
  }

  #row(job) {
    const name = job.key ? `${job.kind}, ${job.key}` : job.kind;
    const cell = (label, ...content) => h("td", { data: { label } }, ...content);
    return h("tr", { data: { testid: "dead-job", jobId: job.id } },
      h("th.dead-what", { scope: "row" }, h("b", {}, job.kind), job.key ? h("code", {}, job.key) : null, h("span", {}, `${job.queue} · ${job.id.slice(-8)}`)),
      cell("Last error", h("span.dead-error", {}, job.lastError ?? "–")),
      cell("Tries", formatNumber(job.attempts)),
      cell("Died", h("time", { datetime: job.diedAt }, fullMoment(job.diedAt))),
      h("td.table-action", {},
        h("button.button.quiet.small", { type: "button", "aria-label": `Retry ${name}`, data: { testid: "dead-retry" }, onclick: (event) => this.#retry(event.currentTarget, job) }, "Retry"),
        h("button.button.quiet.small.dead-drop", { type: "button", "aria-label": `Drop ${name}`, data: { testid: "dead-drop" }, onclick: (event) => this.#drop(event.currentTarget, job) }, "Drop")));
  }

  #toggle(name, act) {
    const done = act === "pause" ? `${name} is paused on all nodes` : `${name} goes on`;
    this.#act(this.cards.get(name)?.toggle, () => api.post(`/api/admin/queues/${encodeURIComponent(name)}/${act}`), done);
  }

  #retry(button, job) {
    this.#act(button, () => api.post(`/api/admin/jobs/${job.id}/retry`), "It waits for a worker");
  }

  async #drop(button, job) {
    const yes = await confirmed({ title: "Drop this job?", body: `${job.kind} will never be done. This cannot be taken back.`, action: "Drop" });
    if (yes) this.#act(button, () => api.delete(`/api/admin/jobs/${job.id}`), "The job is dropped");
  }

  /** One act at a time for each button; the button keeps the focus while it waits. */
  async #act(button, request, done) {
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      await request();
      toast({ title: done, level: "success" });
    } catch (error) {
      toastError(error, "That was refused");
    } finally {
      button.removeAttribute("aria-disabled");
      this.load();
    }
  }

  end() {
    this.#stamp += 1;
    clearTimeout(this.#timer);
  }
}

/** @param {string} notice */
async function leave(notice) {
  board?.end();
  board = null;
  await api.logout();
  door(notice);
}

async function door(notice) {
  const info = await api.getPublic("/api").catch(() => null);
  // The demo account is no admin: it would only lead back here.
  showDoor(root, { api, info: { ...info, demo: false }, notice, onSignedIn: enter });
  document.title = "Sign in · Queues · Greenroom";
}

/** @param {any} answer of signing in */
function enter({ user }) {
  document.title = "Queues · Greenroom";
  if (user.role !== "admin") {
    root.replaceChildren(h("main.unreachable", { id: "main", tabindex: "-1" }, icon("brand"), h("h1", {}, "For admins"),
      h("p", {}, `${user.username} is signed in, and is no admin of this server.`),
      h("a.button.primary", { href: "/" }, "To the console"),
      h("button.button.quiet", { type: "button", onclick: () => leave("") }, "Sign in as somebody else")));
    return;
  }
  board = new Board();
  root.replaceChildren(board.element);
  board.element.focus({ preventScroll: true });
}

async function begin() {
  try {
    const answer = mayBeSignedIn() ? await api.refresh() : null;
    if (answer) enter(answer);
    else await door("");
  } catch (error) {
    if (error.status > 0 && error.status < 500) return door("");
    root.replaceChildren(h("main.unreachable", { id: "main" }, icon("brand"), h("h1", {}, "The house is dark"),
      h("p", {}, "The server cannot be reached. This page tries again by itself.")));
    setTimeout(begin, RETRY_MS);
  }
}

api.onSignedOut = () => board && leave("You have been signed out. Please sign in again.");
document.addEventListener("visibilitychange", () => document.hidden || board?.load());
document.getElementById("skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main")?.focus();
});

begin();
