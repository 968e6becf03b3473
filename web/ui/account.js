// @ts-check
/** Who one is here, and what of the plan is used. */
import { avatar, h } from "./dom.js";
import { toastError } from "./overlays.js";
import { fullMoment } from "./time.js";
import { usageBar } from "./usage.js";
import { limitReset } from "./words.js";

export class AccountView {
  title = "Account";

  /** @param {any} context see app.js */
  constructor({ state, menuButton, signOut }) {
    this.state = state;
    this.profile = h("div.account-profile", {});
    this.limits = h("div.account-limits", { data: { testid: "account-usage" } });
    this.element = h("section.page", { "aria-labelledby": "account-title" },
      h("header.page-head", {}, menuButton(), h("div.page-words", {}, h("h1", { id: "account-title" }, "Your account"))),
      h("div.columns", {},
        h("section.panel", { "aria-label": "Profile" }, this.profile,
          h("button.button.quiet", { type: "button", onclick: signOut }, "Sign out")),
        h("section.panel", { "aria-labelledby": "usage-title" }, h("h2", { id: "usage-title" }, "Usage"), this.limits)));
    this.stops = [state.on("usage", () => this.draw()), state.on("characters", () => this.draw())];
    this.draw();
    state.loadUser().catch((error) => toastError(error, "Your account could not be loaded"));
  }

  draw() {
    const { user, usage } = this.state;
    if (!user) return;
    const name = user.displayName || user.username;
    const rows = [["User name", user.username], ["E-mail", user.email], ["Plan", user.plan && user.plan[0].toUpperCase() + user.plan.slice(1)], ["Time zone", user.timeZone],
      ["Member since", user.createdAt && fullMoment(user.createdAt)]];
    this.profile.replaceChildren(h("div.account-face", {}, avatar({ name }, "large"), h("p.account-name", {}, name)),
      h("dl.facts", {}, ...rows.filter(([, value]) => value).map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))));
    const limits = [...(usage?.limits ?? [])].sort((a, b) => b.used / b.limit - a.used / a.limit);
    this.limits.replaceChildren(...(limits.length ? limits.map((limit) => h("div.account-limit", {},
      usageBar(limit, this.state.character(limit.characterId).name), h("p", {}, `${typeName(limit)}${limitReset(limit)}`)))
      : [h("p.muted", {}, "No limit counts against you so far. What you use of your plan is shown here.")]));
  }

  destroy() {
    for (const stop of this.stops) stop();
  }
}

function typeName({ type }) {
  return !type || type === "text" ? "" : `${type[0].toUpperCase()}${type.slice(1)} replies. `;
}
