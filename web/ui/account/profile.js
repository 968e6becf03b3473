// @ts-check
/** Who one is here. */
import { watchName } from "../door/register.js";
import { avatar, h, icon } from "../dom.js";
import { field, form } from "../form.js";
import { toast, toastError } from "../overlays.js";
import { fullMoment } from "../time.js";
import { planName } from "../plans/words.js";
import { panel } from "./parts.js";

const LOCALES = ["ar", "cs", "da", "de", "el", "en", "en-GB", "en-US", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko", "nl", "no", "pl", "pt", "pt-BR", "ro",
  "ru", "sv", "th", "tr", "uk", "vi", "zh"];

/** @param {import("./account.js").Place} place */
export function profile({ api, state, redraw }) {
  const { user } = state;
  const facts = [["Plan", h("a.link", { href: "#/plans", data: { testid: "plan-link" } }, planName(user.plan))], ["Plan ends", user.planUntil && fullMoment(user.planUntil)],
    ["Number", user.mobile], ["Member since", fullMoment(user.createdAt)]];
  const name = user.displayName || user.username;
  const face = panel("You",
    h("div.account-face", {}, avatar({ name }, "large"), h("div", {}, h("p.account-name", {}, name), h("p.muted", {}, `@${user.username}`))),
    h("dl.facts", {}, ...facts.filter(([, value]) => value).map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value)))),
    emailState(api, user));

  const names = new Intl.DisplayNames(undefined, { type: "language" });
  const displayName = field("profile-display-name", "What should the characters call you?", { value: user.displayName, maxLength: 60, autocomplete: "nickname" }, { key: "displayName" });
  const username = field("profile-username", "User name", { value: user.username, minLength: 3, maxLength: 30, autocapitalize: "none", spellcheck: "false" },
    { key: "username", hint: "3 to 30 letters, digits, _ . or -" });
  const email = field("profile-email", "E-mail", { type: "email", value: user.email ?? "", required: Boolean(user.email), maxLength: 254, autocomplete: "email" },
    { key: "email", hint: "A new address gets a mail to prove it." });
  const bio = field("profile-bio", "About you", { value: user.bio ?? "", required: false, maxLength: 500, rows: 3 }, { key: "bio", kind: "textarea", hint: "Up to 500 characters. Others can read it." });
  bio.input.value = user.bio ?? "";
  const locale = field("profile-locale", "Language of mails", {}, { key: "locale", kind: "select",
    options: [...new Set([user.locale, ...LOCALES])].map((code) => [code, names.of(code) ?? code]) });
  locale.input.value = user.locale;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zone = field("profile-time-zone", "Time zone", { value: user.nextTimeZone ?? user.timeZone, spellcheck: "false" }, { key: "timeZone",
    hint: user.nextTimeZone ? `${user.timeZone} counts until your next day begins.` : "Your days, and their allowances, begin by it.",
    suggest: Intl.supportedValuesOf("timeZone") });
  if (here && here !== zone.value()) {
    zone.element.append(h("button.link", { type: "button", onclick: () => { zone.input.value = here; } }, `Use ${here}, as this device`));
  }
  watchName(api, username);
  const fields = [displayName, username, email, bio, locale, zone];
  const before = new Map(fields.map((item) => [item.key, item.value()]));
  const { element } = form({ id: "profile", fields, submit: "Save",
    send: async () => {
      const changed = Object.fromEntries(fields.filter((item) => item.value() !== before.get(item.key)).map((item) => [item.key, item.value()]));
      if (Object.keys(changed).length) await api.put("/api/auth/me", changed);
      await state.loadUser();
    },
    done: () => {
      toast({ title: "Saved", level: "success" });
      redraw();
    } });
  return [h("div.columns", {}, face, panel("Profile", element))];
}

/** @param {import("../../api.js").Api} api @param {any} user */
function emailState(api, user) {
  if (!user.email) return null;
  if (user.emailVerified) return h("p.tag", { data: { tone: "good", testid: "email-verified" } }, `${user.email} is proved`);
  const again = h("button.link", { type: "button", data: { testid: "resend-verification" }, onclick: async () => {
    again.disabled = true;
    try {
      await api.post("/api/auth/resend-verification");
      toast({ title: "A mail is on its way", body: user.email, level: "success" });
    } catch (error) {
      toastError(error, "The mail was not sent");
      again.disabled = false;
    }
  } }, "Send the mail again");
  return h("div.notice.warn", { data: { testid: "email-unverified" } }, icon("warning"), h("div", {}, h("p", {}, `Please open the link that we sent to ${user.email}.`), again));
}
