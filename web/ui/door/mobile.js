// @ts-check
/** By a number and the code that is sent to it; a new number makes an account. */
import { h } from "../dom.js";
import { field, form } from "../form.js";
import { elsewhere } from "./parts.js";

/** The number and then the code: also used to add a number to an account. */
export function numberField(id = "otp-mobile") {
  return field(id, "Mobile number", { type: "tel", autocomplete: "tel", placeholder: "+49 151 23456789", maxLength: 32 },
    { key: "mobile", hint: "With the country code." });
}

/** @param {string} [id] */
export function codeField(id = "otp-code") {
  return field(id, "Code", { inputmode: "numeric", autocomplete: "one-time-code", pattern: "\\d{6}", maxLength: 6, title: "six digits" },
    { key: "otp", hint: "Six digits; good for five minutes." });
}

/** A development server tells the code, since no message goes out. @param {any} sent */
export function toldCode(sent) {
  return sent?.otp ? h("p.notice", { role: "status", data: { testid: "otp-told" } },
    h("span", {}, "No message goes out from a development server. The code is ", h("code", {}, sent.otp), ".")) : "";
}

/** @param {import("./door.js").Door} door @param {{mobile?: string, sent?: any}} given */
export function mobile(door, { mobile: number, sent } = {}) {
  return number ? code(door, number, sent) : ask(door);
}

/** @param {import("./door.js").Door} door */
function ask({ api, go }) {
  const number = numberField();
  const { element } = form({ id: "otp-send", fields: [number], submit: "Send me a code", look: "primary.wide",
    send: (values) => api.ask("/api/auth/send-otp", values), done: (sent) => go("mobile", { mobile: number.value(), sent }) });
  return {
    title: "By your number",
    lead: "A code comes to your phone. Who is new here gets an account with it.",
    focus: number.input,
    body: [element, elsewhere("", "Another way in", () => go("sign-in"), "door-back")],
  };
}

/** @param {import("./door.js").Door} door @param {string} number @param {any} sent */
function code({ api, go, enter }, number, sent) {
  const digits = codeField();
  const { element } = form({ id: "otp", fields: [digits], submit: "Sign in", look: "primary.wide",
    send: ({ otp }) => api.signInWith("/api/auth/verify-otp", { mobile: number, otp }), done: enter });
  return {
    title: "Your code",
    lead: `It went to ${number}.`,
    focus: digits.input,
    body: [toldCode(sent), element, elsewhere("Nothing came?", "Ask again", () => go("mobile"), "otp-again"),
      elsewhere("", "Another way in", () => go("sign-in"), "door-back")],
  };
}
