// @ts-check
/** How one gets in: password, number, and accounts elsewhere. */
import { codeField, numberField, toldCode } from "../door/mobile.js";
import { leaveFor } from "../door/providers.js";
import { h } from "../dom.js";
import { field, form } from "../form.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { fullMoment } from "../time.js";
import { line, panel } from "./parts.js";

/** @param {import("./account.js").Place} place */
export function waysIn(place) {
  return [h("div.columns", {}, password(place), place.info?.mobile ? number(place) : null, place.info?.providers?.length ? elsewhere(place) : null)];
}

/** @param {import("./account.js").Place} place */
function password({ api, state, redraw }) {
  const has = state.user.hasPassword;
  const current = has ? field("password-current", "Present password", { type: "password", autocomplete: "current-password" }, { key: "currentPassword" }) : null;
  const fresh = field("password-new", "New password", { type: "password", autocomplete: "new-password", minLength: 8, maxLength: 128 },
    { key: "newPassword", hint: "8 or more characters. A few unrelated words are good." });
  const { element } = form({ id: "password", fields: [current, fresh].filter((item) => item !== null), submit: has ? "Change it" : "Set it",
    send: async (values) => {
      await api.post("/api/auth/change-password", values);
      await state.loadUser();
    },
    done: () => {
      toast({ title: "Your password is set", body: "Other devices were signed out.", level: "success" });
      redraw();
    } });
  return panel("Password", h("p.muted", {}, has ? "A new one signs out all other devices." : "You have none yet. With one you can sign in by your user name too."), element);
}

/** @param {import("./account.js").Place} place */
function number({ api, state, redraw }) {
  const body = h("div", {});
  const ask = () => {
    const mobile = numberField("number-mobile");
    const { element } = form({ id: "number", fields: [mobile], submit: state.user.mobile ? "Change it" : "Add it",
      send: (values) => api.post("/api/auth/send-otp", values), done: (sent) => prove(mobile.value(), sent) });
    body.replaceChildren(element);
  };
  const prove = (/** @type {string} */ mobile, /** @type {any} */ sent) => {
    const code = codeField("number-code");
    const { element } = form({ id: "number-prove", fields: [code], submit: "This is my number",
      send: async ({ otp }) => {
        await api.post("/api/auth/verify-otp", { mobile, otp });
        await state.loadUser();
      },
      done: () => {
        toast({ title: "Your number is proved", level: "success" });
        redraw();
      } });
    body.replaceChildren(h("p", {}, `The code went to ${mobile}.`), toldCode(sent), element);
    code.input.focus();
  };
  ask();
  return panel("Mobile number", h("p.muted", {}, state.user.mobile ? `${state.user.mobile} can sign in with a code.` : "With a number you can sign in by a code, without a password."), body);
}

/** @param {import("./account.js").Place} place */
function elsewhere({ api, info, state, redraw }) {
  const linked = state.identities ?? [];
  const unlink = async (/** @type {any} */ identity) => {
    const yes = await confirmed({ title: `Unlink ${identity.provider}?`, body: "You can then no longer sign in by it.", action: "Unlink" });
    if (!yes) return;
    try {
      await api.delete(`/api/auth/identities/${identity.id}`);
      await state.loadUser();
      redraw();
    } catch (error) {
      toastError(error, "It stays linked");
    }
  };
  const open = info.providers.filter((/** @type {any} */ provider) => !linked.some((/** @type {any} */ identity) => identity.provider === provider.name));
  const content = [
    linked.length ? h("ul.lines", {}, ...linked.map((/** @type {any} */ identity) => line(identity.provider, [identity.email ?? "", " since ", fullMoment(identity.createdAt)],
      h("button.button.quiet.small", { type: "button", onclick: () => unlink(identity), data: { testid: `unlink-${identity.provider}` } }, "Unlink")))) : null,
    ...open.map((/** @type {any} */ provider) => (provider.authorizeUrl
      ? h("button.button.quiet", { type: "button", onclick: () => leaveFor(provider, "link") }, `Link ${provider.label ?? provider.name}`)
      : pasted(provider, api, state, redraw))),
  ];
  return panel("Accounts elsewhere", h("p.muted", {}, "Sign in here by an account that you have with a provider."), ...content);
}

/** For providers whose page is not known: the token that an app got. @param {any} provider @param {any} api @param {any} state @param {() => void} redraw */
function pasted(provider, api, state, redraw) {
  const token = field(`link-${provider.name}`, `ID token of ${provider.label ?? provider.name}`, { rows: 3, spellcheck: "false", autocomplete: "off" }, { key: "idToken", kind: "textarea" });
  return form({ id: `link-${provider.name}`, fields: [token], submit: "Link it", look: "quiet",
    send: async (values) => {
      await api.post("/api/auth/identities", values);
      await state.loadUser();
    },
    done: redraw }).element;
}
