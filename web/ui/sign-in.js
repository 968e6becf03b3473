// @ts-check
/** The door: sign in, make an account, or walk in with the demo account where the server has one. */
import { h, icon, setText } from "./dom.js";
import { themeToggle } from "./theme-toggle.js";

const DEMO = { email: "testuser1@example.com", password: "TestPassword123!" };

/** @param {string} id @param {string} label @param {Record<string, any>} attributes @param {string} [hint] */
function field(id, label, attributes, hint) {
  const input = h("input", { id, name: id, required: true, ...attributes, data: { testid: id } });
  const problem = h("p.field-error", { id: `${id}-error`, hidden: true });
  const described = [hint ? `${id}-hint` : "", `${id}-error`].filter(Boolean).join(" ");
  input.setAttribute("aria-describedby", described);
  const element = h("div.field", {}, h("label", { for: id }, label), input,
    hint ? h("p.field-hint", { id: `${id}-hint` }, hint) : null, problem);
  const setProblem = (message) => {
    setText(problem, message);
    problem.hidden = !message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  input.addEventListener("input", () => setProblem(""));
  return { element, input, setProblem };
}

/**
 * @param {HTMLElement} root
 * @param {{api: import("../api.js").Api, info: any, notice: string, onSignedIn: (answer: any) => void}} context
 */
export function showSignIn(root, { api, info, notice, onSignedIn }) {
  let registering = false;
  const name = field("signin-name", "E-mail or user name", { autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  const email = field("signin-email", "E-mail", { type: "email", autocomplete: "email" });
  const username = field("signin-username", "User name",
    { autocomplete: "username", autocapitalize: "none", spellcheck: "false", minLength: 3, maxLength: 32 }, "Letters, digits and underscores.");
  const displayName = field("signin-display-name", "What should the characters call you?", { autocomplete: "nickname", required: false, maxLength: 64 });
  const password = field("signin-password", "Password", { type: "password", autocomplete: "current-password" });
  const fields = { email, username, displayName, password, name };

  const heading = h("h1", {});
  const lead = h("p.lead", {});
  const problem = h("p.form-error", { role: "alert", data: { testid: "signin-error" }, hidden: true });
  const submit = h("button.button.primary.wide", { type: "submit", data: { testid: "signin-submit" } });
  const toggle = h("button.link", { type: "button", data: { testid: "signin-toggle" }, onclick: () => show(!registering) });
  const toggleText = h("span", {});
  const form = h("form.signin-form", { novalidate: true, data: { testid: "signin-form" }, onsubmit: (event) => {
    event.preventDefault();
    send();
  } }, name.element, email.element, displayName.element, username.element, password.element, problem, submit);

  function show(register) {
    registering = register;
    for (const item of Object.values(fields)) item.setProblem("");
    name.element.hidden = name.input.disabled = register;
    for (const item of [email, username, displayName]) item.element.hidden = item.input.disabled = !register;
    password.input.autocomplete = register ? "new-password" : "current-password";
    setText(heading, register ? "Take a seat" : "Welcome back");
    setText(lead, register ? "An account keeps your conversations, on every device." : "Your characters are waiting in the green room.");
    setText(submit, register ? "Create account" : "Sign in");
    setText(toggleText, register ? "Already have an account? " : "New here? ");
    setText(toggle, register ? "Sign in" : "Create an account");
    fail("");
  }

  function fail(message) {
    setText(problem, message);
    problem.hidden = !message;
  }

  function missing() {
    const shown = [name, email, displayName, username, password].filter(({ input }) => !input.disabled);
    for (const { input, setProblem } of shown) setProblem(input.checkValidity() ? "" : input.validationMessage);
    return shown.find(({ input }) => !input.checkValidity());
  }

  async function send() {
    const wrong = missing();
    if (wrong) return wrong.input.focus();
    await enter(() => registering
      ? api.register({ email: email.input.value.trim(), username: username.input.value.trim(), password: password.input.value,
        ...(displayName.input.value.trim() ? { displayName: displayName.input.value.trim() } : {}) })
      : api.login(name.input.value.trim(), password.input.value));
  }

  async function enter(request) {
    fail("");
    const buttons = [submit, demo?.querySelector("button")].filter(Boolean);
    for (const button of buttons) button.disabled = true;
    submit.classList.add("busy");
    try {
      onSignedIn(await request());
    } catch (error) {
      const named = (error.details ?? []).filter(({ field: key }) => fields[key] && !fields[key].input.disabled);
      for (const { field: key, message } of named) fields[key].setProblem(message);
      const wait = error.status === 429 && error.retryAfterS ? ` Try again in ${error.retryAfterS} seconds.` : "";
      fail(named.length ? "" : error.message + wait);
      (named.length ? fields[named[0].field] : password).input.focus();
    } finally {
      for (const button of buttons) button.disabled = false;
      submit.classList.remove("busy");
    }
  }

  const demo = info?.demo ? h("section.demo", { "aria-labelledby": "demo-title" },
    h("div", {}, h("h2", { id: "demo-title" }, "Just looking?"),
      h("p", {}, h("code", {}, DEMO.email), h("br"), h("code", {}, DEMO.password))),
    h("button.button.brass", { type: "button", data: { testid: "demo-button" }, onclick: () => enter(() => api.login(DEMO.email, DEMO.password)) },
      "Try the demo", icon("arrow"))) : null;

  root.replaceChildren(h("div.signin", {},
    h("aside.signin-art", { "aria-label": "About Greenroom" }, h("img", { src: "/assets/art/green-room.svg", alt: "" }),
      h("p.signin-motto", {}, "Where characters wait for their cue.")),
    h("main.signin-panel", { id: "main", tabindex: "-1" },
      h("div.signin-top", {}, h("span.brand", {}, icon("brand"), "Greenroom"), themeToggle()),
      h("div.signin-inner", {},
        heading, lead,
        notice ? h("p.notice", { role: "status" }, notice) : null,
        form,
        h("p.signin-switch", {}, toggleText, toggle),
        demo),
      h("p.signin-foot", {}, info?.version ? `Greenroom ${info.version}` : ""))));
  show(false);
  document.title = "Sign in · Greenroom";
  if (matchMedia("(pointer: fine)").matches) name.input.focus();
}
