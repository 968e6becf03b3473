// @ts-check
/** A forgotten password: a link by mail, or a code to the phone, and then a new one. */
import { field, form } from "../form.js";
import { elsewhere } from "./parts.js";
import { codeField, toldCode } from "./mobile.js";
import { named } from "./sign-in.js";

/** @param {import("./door.js").Door} door */
export function forgotten({ api, info, go }) {
  const byMobile = info?.mobile;
  const name = field("forgot-name", byMobile ? "E-mail or mobile number" : "E-mail", { autocomplete: "username", autocapitalize: "none", spellcheck: "false" },
    { key: "name", hint: byMobile ? "A number with its country code." : undefined });
  const { element } = form({ id: "forgot", fields: [name], submit: "Send it", look: "primary.wide",
    send: async () => {
      const who = named(name.value());
      if (!who.email && !who.mobile) throw Object.assign(new Error("Give the e-mail address or the number of your account."), { details: [] });
      return { who, answer: await api.ask("/api/auth/forgot-password", who) };
    },
    done: ({ who, answer }) => (who.mobile
      ? go("reset", { mobile: who.mobile, sent: answer })
      : go("sign-in", { notice: "If there is an account with this address, a link is on its way to it. It is good for an hour." })) });
  return {
    title: "Forgot the password?",
    lead: "It happens. We send you the way to a new one.",
    focus: name.input,
    body: [element, elsewhere("Remembered?", "Sign in", () => go("sign-in"), "door-back")],
  };
}

/** @param {import("./door.js").Door} door @param {{token?: string, mobile?: string, sent?: any}} given */
export function newPassword({ api, go }, { token, mobile, sent } = {}) {
  const code = mobile ? codeField("reset-code") : null;
  const password = field("reset-password", "New password", { type: "password", autocomplete: "new-password", minLength: 8, maxLength: 128 },
    { key: "newPassword", hint: "8 or more characters. A few unrelated words are good." });
  const fields = [code, password].filter((item) => item !== null);
  const { element } = form({ id: "reset", fields, submit: "Set the password", look: "primary.wide",
    send: (values) => api.ask("/api/auth/reset-password", { ...(token ? { token } : { mobile }), ...values }),
    done: () => go("sign-in", { notice: "Your new password is set. All devices were signed out." }) });
  return {
    title: "A new password",
    lead: mobile ? `The code went to ${mobile}.` : "All devices are signed out when you set it.",
    focus: fields[0].input,
    body: [toldCode(sent), element, elsewhere("", "Another way in", () => go("sign-in"), "door-back")],
  };
}
