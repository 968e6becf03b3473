// @ts-check
/** Somebody new, by e-mail address and password. The user name is looked up while it is typed. */
import { field, form } from "../form.js";
import { elsewhere } from "./parts.js";
import { setText } from "../dom.js";

const LOOK_UP_AFTER_MS = 600;

/** @param {import("./door.js").Door} door */
export function register({ api, go, enter }) {
  const email = field("signin-email", "E-mail", { type: "email", autocomplete: "email", maxLength: 254 }, { key: "email" });
  const displayName = field("signin-display-name", "What should the characters call you?",
    { autocomplete: "nickname", required: false, maxLength: 60 }, { key: "displayName" });
  const username = field("signin-username", "User name", { autocomplete: "username", autocapitalize: "none", spellcheck: "false", minLength: 3, maxLength: 30 },
    { key: "username", hint: "3 to 30 letters, digits, _ . or -" });
  const password = field("signin-password", "Password", { type: "password", autocomplete: "new-password", minLength: 8, maxLength: 128 },
    { key: "password", hint: "8 or more characters. A few unrelated words are good." });
  watchName(api, username);
  const { element } = form({ id: "signin", fields: [email, displayName, username, password], submit: "Create account", look: "primary.wide",
    send: (values) => api.register(values), done: enter });
  return {
    title: "Take a seat",
    lead: "An account keeps your conversations, on every device.",
    focus: email.input,
    body: [element, elsewhere("Already have an account?", "Sign in", () => go("sign-in"), "signin-toggle")],
  };
}

/** Says early that a name is taken. A server that does not tell is no hindrance. @param {import("../../api.js").Api} api @param {any} username */
export function watchName(api, username) {
  const hint = username.element.querySelector(".field-hint");
  const usual = hint.textContent;
  let timer = /** @type {any} */ (0);
  username.input.addEventListener("input", () => {
    clearTimeout(timer);
    setText(hint, usual);
    const name = username.value();
    if (name.length < 3 || name === username.input.defaultValue) return;
    timer = setTimeout(async () => {
      const answer = await api.getPublic(`/api/auth/check-username/${encodeURIComponent(name)}`).catch(() => null);
      if (username.value() !== name || !answer) return;
      if (answer.available === false) username.setProblem(answer.reason ? `This name ${answer.reason}.` : "This name is taken.");
      else if (answer.available) setText(hint, "This name is free.");
    }, LOOK_UP_AFTER_MS);
  });
}
