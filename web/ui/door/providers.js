// @ts-check
/**
 * Sign-in by an identity provider. Where its authorisation page is known, the browser goes there and comes back with an
 * ID token in the fragment (OpenID Connect's implicit flow, `response_type=id_token`): state and nonce must be those
 * that went out. For others an ID token can be pasted.
 */
import { h, icon } from "../dom.js";
import { field, form } from "../form.js";
import { elsewhere } from "./parts.js";

const PENDING = "greenroom.provider";

/** @param {any} provider */
const title = (provider) => provider.label ?? provider.name[0].toUpperCase() + provider.name.slice(1);

/**
 * A button for each provider of the server. @param {import("./door.js").Door} door @param {"sign-in"|"link"} purpose
 * @returns {any[]}
 */
export function providerButtons({ info, go }, purpose) {
  return (info?.providers ?? []).map((/** @type {any} */ provider) => h("button.button.quiet", { type: "button",
    data: { testid: `provider-${provider.name}` },
    onclick: () => (provider.authorizeUrl ? leaveFor(provider, purpose) : go("token", { provider })) }, icon("key"), `Continue with ${title(provider)}`));
}

/** @param {any} provider @param {"sign-in"|"link"} purpose */
export function leaveFor(provider, purpose) {
  const [state, nonce] = [crypto.randomUUID(), crypto.randomUUID()];
  sessionStorage.setItem(PENDING, JSON.stringify({ state, nonce, purpose, provider: provider.name }));
  const url = new URL(provider.authorizeUrl);
  const query = { response_type: "id_token", response_mode: "fragment", client_id: provider.clientId, scope: "openid email profile",
    redirect_uri: `${location.origin}/`, state, nonce };
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
  location.assign(url);
}

/**
 * What a provider sent back with, once. @returns {{idToken: string, purpose: "sign-in"|"link"}|{problem: string}|null}
 */
export function returned() {
  const answer = new URLSearchParams(location.hash.slice(1));
  if (!answer.has("id_token") && !(answer.has("error") && answer.has("state"))) return null;
  history.replaceState(null, "", location.pathname);
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  if (!pending || pending.state !== answer.get("state")) return { problem: "This sign-in was not begun here. Please try again." };
  if (answer.has("error")) return { problem: "The provider did not sign you in." };
  const idToken = answer.get("id_token") ?? "";
  if (claims(idToken)?.nonce !== pending.nonce) return { problem: "This sign-in does not fit the one that was begun. Please try again." };
  return { idToken, purpose: pending.purpose };
}

/** Read, not believed: the server checks the signature. @param {string} token */
function claims(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return null;
  }
}

/** @param {import("./door.js").Door} door @param {{provider?: any}} given */
export function idToken({ api, go, enter }, { provider } = {}) {
  const token = field("id-token", "ID token", { rows: 5, spellcheck: "false", autocomplete: "off" },
    { key: "idToken", kind: "textarea", hint: "The signed token that your app got from the provider." });
  const { element } = form({ id: "id-token", fields: [token], submit: "Sign in", look: "primary.wide",
    send: ({ idToken: text }) => api.signInByIdToken(text), done: enter });
  return {
    title: `By ${provider ? title(provider) : "ID token"}`,
    lead: "Who is new here gets an account with it.",
    focus: token.input,
    body: [element, elsewhere("", "Another way in", () => go("sign-in"), "door-back")],
  };
}
