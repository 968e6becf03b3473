// @ts-check
/** Take it along, or leave. */
import { h } from "../dom.js";
import { field, form, problemOf } from "../form.js";
import { toast } from "../overlays.js";
import { panel } from "./parts.js";
import { save } from "../save.js";

/** @param {import("./account.js").Place} place */
export function privacy({ api, state, signedOut }) {
  const button = h("button.button.primary", { type: "button", data: { testid: "export" }, onclick: async () => {
    button.disabled = true;
    button.classList.add("busy");
    try {
      save(await api.download("/api/auth/export"));
    } catch (error) {
      toast({ title: "The export was not made", body: problemOf(error), level: "warning" });
    } finally {
      button.disabled = false;
      button.classList.remove("busy");
    }
  } }, "Download all of it");
  const take = panel("Take it along", h("p", {}, "One zip file with your profile, your conversations and all else that is kept of you, as JSON."), button);

  const sure = field("leave-sure", `Type your user name, ${state.user.username}`, { autocomplete: "off", autocapitalize: "none", spellcheck: "false", pattern: state.user.username.replace(/[.-]/g, "\\$&"), title: state.user.username }, { key: "sure" });
  const password = state.user.hasPassword ? field("leave-password", "Password", { type: "password", autocomplete: "current-password" }, { key: "password" }) : null;
  const { element } = form({ id: "leave", fields: [sure, password].filter((item) => item !== null), submit: "Deactivate my account", look: "danger",
    send: (values) => api.delete("/api/auth/me", values.password ? { password: values.password } : {}),
    done: () => signedOut("Your account is deactivated. An administrator can bring it back for 30 days; then it is erased.") });
  const leave = panel("Leave", h("p", {}, "All devices are signed out. For 30 days an administrator can bring the account back; then what is yours is erased. ",
    "What you said in rooms with others stays there under a pseudonym."), element);
  return [h("div.columns", {}, take, leave)];
}
