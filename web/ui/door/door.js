// @ts-check
/** The door: one frame, and in it the way in that a person chose. */
import { h, icon } from "../dom.js";
import { themeToggle } from "../theme-toggle.js";
import { forgotten, newPassword } from "./forgotten.js";
import { mobile } from "./mobile.js";
import { idToken } from "./providers.js";
import { register } from "./register.js";
import { signIn } from "./sign-in.js";

/**
 * A way in: what stands in the frame. @typedef {{title: string, lead: string, body: any[], focus?: HTMLElement}} Panel
 * What each is made with. @typedef {{api: import("../../api.js").Api, info: any, go: (name: string, given?: any) => void,
 *   enter: (answer: any) => void}} Door
 */

/** @type {Record<string, (door: Door, given?: any) => Panel>} */
const PANELS = { "sign-in": signIn, register, mobile, forgotten, reset: newPassword, token: idToken };

/**
 * @param {HTMLElement} root
 * @param {{api: import("../../api.js").Api, info: any, notice: string, panel?: string, given?: any, onSignedIn: (answer: any) => void}} context
 */
export function showDoor(root, { api, info, notice, panel = "sign-in", given, onSignedIn }) {
  const inner = h("div.signin-inner", {});
  const go = (/** @type {string} */ name, /** @type {any} */ more = {}) => {
    const { title, lead, body, focus } = PANELS[name]({ api, info, go, enter: onSignedIn }, more);
    const said = more.notice ?? "";
    inner.replaceChildren(h("h1", {}, title), h("p.lead", {}, lead),
      said ? h("p.notice", { role: "status", data: { testid: "door-notice" } }, said) : "", ...body);
    inner.dataset.panel = name;
    document.title = `${title} · Greenroom`;
    if (focus && matchMedia("(pointer: fine)").matches) focus.focus();
  };
  root.replaceChildren(h("div.signin", {},
    h("aside.signin-art", { "aria-label": "About Greenroom" }, h("img", { src: "/assets/art/green-room.svg", alt: "" }),
      h("p.signin-motto", {}, "Where characters wait for their cue.")),
    h("main.signin-panel", { id: "main", tabindex: "-1" },
      h("div.signin-top", {}, h("span.brand", {}, icon("brand"), "Greenroom"), themeToggle()),
      inner,
      h("p.signin-foot", {}, info?.version ? `Greenroom ${info.version}` : ""))));
  go(panel, { ...given, notice });
}
