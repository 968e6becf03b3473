// @ts-check
/** To read the settings anew while the server runs: what changed with it, and what waits for a restart. */
import { panel } from "../account/parts.js";
import { h, icon } from "../dom.js";
import { toast } from "../overlays.js";
import { busily } from "../plans/checkout.js";

/** @param {import("../../api.js").Api} api */
export function reload(api) {
  const answer = h("div.facts-group", { role: "status", data: { testid: "reload-answer" } });
  const button = h("button.button.quiet", { type: "button", data: { testid: "reload-submit" }, onclick: () => busily(button, run, "The settings stay as they were") }, "Read them again");

  async function run() {
    answer.replaceChildren();
    const { changed = [], needsRestart = [] } = await api.post("/api/admin/config/reload");
    answer.replaceChildren(...[
      changed.length ? names("Changed now", changed) : null,
      needsRestart.length ? h("div.notice.warn", {}, icon("warning"), names("Hold after a restart", needsRestart)) : null,
      changed.length || needsRestart.length ? null : h("p.muted", {}, "They say what they said before."),
    ].filter((item) => item !== null));
    toast({ title: changed.length ? "The settings are read" : "Nothing changed", level: "success" });
  }

  const element = panel("Settings", h("p", {}, "Reads config.toml and the environment again. Plans, limits and what else can change while the server runs hold at once, for those who are here too."), button, answer);
  element.dataset.testid = "reload";
  return element;
}

/** @param {string} title @param {string[]} items */
function names(title, items) {
  return h("div", {}, h("p", {}, h("b", {}, title)), h("ul", {}, ...items.map((item) => h("li", {}, h("code", {}, item)))));
}
