// @ts-check
/** By e-mail address, user name or number, with a password. */
import { h, icon } from "../dom.js";
import { field, form } from "../form.js";
import { demo, elsewhere } from "./parts.js";
import { providerButtons } from "./providers.js";

/** What a person typed as their name, as the server wants it. @param {string} name */
export function named(name) {
  if (name.includes("@")) return { email: name };
  return /^\+[\d\s().-]{6,}$/.test(name) ? { mobile: name } : { username: name };
}

/** @param {import("./door.js").Door} door */
export function signIn(door) {
  const { api, info, go, enter } = door;
  const name = field("signin-name", "E-mail, user name or number", { autocomplete: "username", autocapitalize: "none", spellcheck: "false" }, { key: "name" });
  const password = field("signin-password", "Password", { type: "password", autocomplete: "current-password" }, { key: "password" });
  const { element } = form({ id: "signin", fields: [name, password], submit: "Sign in", look: "primary.wide",
    send: (values) => api.login({ ...named(values.name), password: values.password }), done: enter });
  const others = [
    info?.mobile ? h("button.button.quiet", { type: "button", data: { testid: "door-mobile" }, onclick: () => go("mobile") }, icon("phone"), "Sign in with a code") : null,
    ...providerButtons(door, "sign-in"),
  ].filter(Boolean);
  return {
    title: "Welcome back",
    lead: "Your characters are waiting in the green room.",
    focus: name.input,
    body: [element,
      others.length ? h("div.signin-others", {}, h("p.signin-or", {}, h("span", {}, "or")), ...others) : "",
      h("div.signin-links", {},
        info?.registration === false ? "" : elsewhere("New here?", "Create an account", () => go("register"), "signin-toggle"),
        info?.mail === false && !info?.mobile ? "" : elsewhere("", "Forgot the password?", () => go("forgotten"), "door-forgotten")),
      demo(door) ?? ""],
  };
}
