// @ts-check
/** What the ways in share. */
import { h, icon } from "../dom.js";
import { problemOf } from "../form.js";

const DEMO = { email: "testuser1@example.com", password: "TestPassword123!" };

/** For those who only look, where the server has the demo account. @param {import("./door.js").Door} door */
export function demo({ api, info, enter }) {
  if (!info?.demo) return null;
  const problem = h("p.form-error", { role: "alert", hidden: true });
  const button = h("button.button.brass", { type: "button", data: { testid: "demo-button" }, onclick: async () => {
    button.disabled = true;
    try {
      enter(await api.login(DEMO));
    } catch (error) {
      problem.textContent = problemOf(error);
      problem.hidden = false;
      button.disabled = false;
    }
  } }, "Try the demo", icon("arrow"));
  return h("section.demo", { "aria-labelledby": "demo-title" },
    h("div", {}, h("h2", { id: "demo-title" }, "Just looking?"),
      h("p", {}, h("code", {}, DEMO.email), h("br"), h("code", {}, DEMO.password)), problem),
    button);
}

/** A line under a form that leads elsewhere. @param {string} words @param {string} label @param {() => void} onclick @param {string} testid */
export function elsewhere(words, label, onclick, testid) {
  return h("p.signin-switch", {}, words ? `${words} ` : "", h("button.link", { type: "button", onclick, data: { testid } }, label));
}
