// @ts-check
/** The people of this server: find one, see how they stand, change it. */
import { randomId } from "../../client/random.js";
import { line, pages, panel } from "../account/parts.js";
import { h } from "../dom.js";
import { facts } from "../facts.js";
import { field, form } from "../form.js";
import { toast, toastError } from "../overlays.js";
import { planName } from "../plans/words.js";
import { account } from "./billing/person.js";

const SEARCH_AFTER_MS = 300;

/** @param {import("../../api.js").Api} api @param {string} [shown] whose page is open at first */
export function people(api, shown) {
  const q = h("input", { type: "search", id: "people-q", placeholder: "Name, e-mail or number", "aria-label": "Find people", maxLength: 100, data: { testid: "people-q" } });
  const status = h("select", { id: "people-status", "aria-label": "Status" },
    ...[["", "All"], ["active", "Active"], ["blocked", "Blocked"], ["deactivated", "Deactivated"]].map(([value, text]) => h("option", { value }, text)));
  const role = h("select", { id: "people-role", "aria-label": "Role" }, ...[["", "Any role"], ["user", "Users"], ["admin", "Admins"]].map(([value, text]) => h("option", { value }, text)));
  const list = h("div.account-body", {});
  const one = h("div.account-body", {});
  let timer = /** @type {any} */ (0);
  let stamp = 0;

  function find() {
    const query = new URLSearchParams({ limit: "20" });
    for (const [key, value] of [["q", q.value.trim()], ["status", status.value], ["role", role.value]]) if (value) query.set(key, value);
    list.replaceChildren(...pages(api, `/api/admin/users?${query}`, (person) => {
      const row = line([person.displayName, " ", h("span.muted", {}, `@${person.username}`), ...tags(person)], [person.email, person.mobile, person.plan].filter(Boolean).join(" · "),
        h("button.button.quiet.small", { type: "button", data: { testid: "person-open" }, onclick: () => open(person.id) }, "Open"));
      row.dataset.testid = "person";
      return row;
    }, { empty: "Nobody fits.", testid: "people" }));
  }

  async function open(/** @type {string} */ id) {
    const mine = ++stamp;
    try {
      const answer = await api.get(`/api/users/${encodeURIComponent(id)}`);
      if (mine !== stamp) return;                       // somebody else was opened meanwhile
      one.replaceChildren(...person(api, answer, () => mine === stamp && open(id)));
      // Below the list, as on a phone, it would not be seen; beside it, it is.
      if (one.getBoundingClientRect().top > innerHeight / 2) one.scrollIntoView({ block: "start" });
    } catch (error) {
      if (mine === stamp) toastError(error, "They could not be loaded");
    }
  }

  q.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, SEARCH_AFTER_MS);
  });
  for (const select of [status, role]) select.addEventListener("change", find);
  find();
  if (shown) open(shown);
  return [h("div.filters", {}, q, status, role), h("div.columns", {}, panel("People", list), one)];
}

/** What there is to tell: what is not set says nothing here. @param {object} about */
function told(about) {
  return Object.fromEntries(Object.entries(about).filter(([, value]) => value !== null && value !== ""));
}

/** @param {any} person */
function tags(person) {
  return [person.role === "admin" ? h("span.tag", { data: { tone: "good" } }, "admin") : "", person.blocked ? h("span.tag", { data: { tone: "warn" } }, "blocked") : "",
    person.deactivatedAt ? h("span.tag", {}, "deactivated") : ""];
}

/** @param {import("../../api.js").Api} api @param {any} answer @param {() => void} redraw */
function person(api, answer, redraw) {
  const { user, ...rest } = answer;
  const act = async (/** @type {object} */ change, /** @type {string} */ path = `/api/admin/users/${user.id}`) => {
    await api.put(path, change);
    toast({ title: "Done", level: "success" });
    redraw();
  };
  const quick = (/** @type {string} */ text, /** @type {() => Promise<void>} */ run, testid) => h("button.button.quiet.small", { type: "button", data: { testid },
    onclick: () => run().catch((/** @type {any} */ error) => toastError(error, "That was refused")) }, text);
  const reason = field("person-reason", "Reason", { maxLength: 300 }, { key: "reason", hint: "They are told it when they sign in." });
  const block = form({ id: "person-block", fields: [reason], submit: "Block", look: "danger", send: (values) => act({ blocked: true, ...values }) }).element;
  const plan = field("person-plan", "Plan without an end", {}, { key: "plan", kind: "select", hint: "What they have where nothing that they paid for holds. What admins gave for a time ends with it." });
  const planWhy = field("person-plan-why", "Why", { maxLength: 300, required: false }, { key: "reason" });
  const base = form({ id: "person-plan-form", fields: [plan, planWhy], submit: "Set the plan", look: "quiet", send: (values) => act(values) }).element;
  base.hidden = true;
  api.get("/api/subscription/plans").then(({ items }) => {
    plan.input.append(...items.map((/** @type {any} */ one) => h("option", { value: one.name }, planName(one.name))));
    plan.input.value = user.plan;
    base.hidden = false;
  }).catch(() => {});
  const days = field("person-days", "Premium for days", { type: "number", min: "1", max: "3650", value: "30" }, { key: "days" });
  const premium = form({ id: "person-premium", fields: [days], submit: "Give premium", look: "quiet",
    send: (values) => act({ isPremium: true, days: Number(values.days) }, `/api/users/${user.id}/premium`) }).element;
  const amount = field("person-credits", "Credits", { type: "number", min: "-1000000", max: "1000000", step: "1" }, { key: "amount", hint: "Below zero takes them, as far as there are any." });
  const why = field("person-credits-why", "Why", { maxLength: 500 }, { key: "reason", hint: "They see it in their history." });
  // The same wish again is the same transfer: its answer may have been lost.
  let idempotencyKey = randomId();
  const giving = form({ id: "person-credits-form", fields: [amount, why], submit: "Give credits", look: "quiet",
    send: (values) => api.post(`/api/admin/users/${user.id}/credits`, { ...values, amount: Number(values.amount), idempotencyKey }),
    done: (answer) => {
      idempotencyKey = randomId();
      toast({ title: `${answer.amount} credits; ${answer.balance.available} can be spent now`, level: "success" });
      redraw();
    } });
  giving.element.addEventListener("input", () => { idempotencyKey = randomId(); });
  return [panel(user.displayName, h("p.muted", {}, `@${user.username}`), facts(told({ ...user, ...rest })),
    h("div.line-actions", {},
      quick(user.role === "admin" ? "Make a user" : "Make an admin", () => act({ role: user.role === "admin" ? "user" : "admin" }), "person-role"),
      user.planUntil ? quick("End premium", () => act({ isPremium: false }, `/api/users/${user.id}/premium`), "person-premium-end") : "",
      rest.deactivatedAt ? quick("Bring back", () => act({ deactivated: false }), "person-reactivate") : "",
      rest.blocked ? quick("Unblock", () => act({ blocked: false }), "person-unblock") : ""),
    rest.blocked ? null : block),
  panel("Plan and credits", account(api, user.id), h("h3", {}, "Give or take"), giving.element, premium, base)];
}
