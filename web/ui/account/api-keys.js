// @ts-check
/** Keys for programs that act for one. */
import { h, icon } from "../dom.js";
import { field, form } from "../form.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { fullMoment } from "../time.js";
import { line, pages, panel } from "./parts.js";

/** @type {[string, string][]} */
const TERMS = [["30", "30 days"], ["90", "90 days"], ["365", "a year"], ["", "for ever"]];

/** @param {import("./account.js").Place} place */
export function apiKeys({ api, redraw }) {
  const shown = h("div", { data: { testid: "key-shown" } });
  const name = field("key-name", "Name", { maxLength: 60, placeholder: "My script" }, { key: "name", hint: "To tell your keys apart." });
  const scope = field("key-scope", "May", {}, { key: "scope", kind: "select", options: [["chat", "chat with characters"], ["profile", "read my profile"], ["chat profile", "do both"]] });
  const term = field("key-term", "Holds", { required: false }, { key: "term", kind: "select", options: TERMS });
  const made = form({ id: "key", fields: [name, scope, term], submit: "Make a key",
    send: (values) => api.post("/api/auth/api-keys", { name: values.name, scopes: values.scope.split(" "), ...(values.term ? { expiresInDays: Number(values.term) } : {}) }),
    done: ({ key }) => {
      made.reset();
      show(key);
      list.replaceChildren(...lines());
    } });

  function show(/** @type {string} */ key) {
    const copy = h("button.button.quiet.small", { type: "button", onclick: async () => {
      await navigator.clipboard.writeText(key).then(() => toast({ title: "Copied", level: "success" })).catch(() => toast({ title: "Please copy it by hand", level: "warning" }));
    } }, "Copy");
    shown.replaceChildren(h("div.notice.warn", { role: "status" }, icon("key"),
      h("div.key-once", {}, h("p", {}, h("strong", {}, "Keep it now: it is shown this once."), " Whoever has it acts as you."), h("code", { data: { testid: "key-value" } }, key), copy)));
  }

  const revoke = async (/** @type {any} */ key) => {
    const yes = await confirmed({ title: `Revoke “${key.name}”?`, body: "Programs that use it are refused from now on.", action: "Revoke" });
    if (!yes) return;
    try {
      await api.delete(`/api/auth/api-keys/${key.id}`);
      list.replaceChildren(...lines());
    } catch (error) {
      toastError(error, "It was not revoked");
    }
  };
  const draw = (/** @type {any} */ key) => line([key.name, h("code", {}, `${key.prefix}…`)],
    [key.scopes.join(", "), key.lastUsedAt ? `last used ${fullMoment(key.lastUsedAt)}` : "never used", key.expiresAt ? `until ${fullMoment(key.expiresAt)}` : "for ever"].join(" · "),
    h("button.button.quiet.small", { type: "button", data: { testid: "revoke-key" }, onclick: () => revoke(key) }, "Revoke"));
  const lines = () => pages(api, "/api/auth/api-keys?limit=20", draw, { empty: "You have no key.", testid: "api-keys" });
  const list = h("div.account-body", {}, ...lines());
  return [h("div.columns", {}, panel("Your keys", list), panel("A new key", h("p.muted", {}, "For programs that speak to Greenroom as you."), shown, made.element))];
}
