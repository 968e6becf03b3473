// @ts-check
/**
 * The way to Stripe's own pages and back. The whole page goes there: nothing of Stripe runs inside the console, and no card
 * number ever comes near it.
 */
import { problemOf } from "../form.js";
import { toast } from "../overlays.js";

/** The way can fail without a word: then one may try again. */
const AWAY_MS = 15000;
/** Stripe puts the session's id in its place. */
const SESSION = "{CHECKOUT_SESSION_ID}";
const here = (/** @type {string} */ hash) => `${location.origin}${location.pathname}${hash}`;

/** Ends when the page is looked at again, so that nothing is pressed twice on the way. @param {string} url that the server gave */
function leaveTo(url) {
  const { protocol } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") throw new Error("That is no address of a payment page.");
  location.assign(url);
  return new Promise((back) => {
    addEventListener("pageshow", () => back(undefined), { once: true });
    setTimeout(back, AWAY_MS);
  });
}

/**
 * Opens Checkout for a plan or for credits. @param {import("../../api.js").Api} api @param {{plan: string}|{credits: number}} what
 * @param {string} back where one who thinks better of it comes back to
 */
export async function checkOut(api, what, back) {
  const { url } = await api.post("/api/payments/create-checkout-session", { successUrl: here(`#/plans/paid/${SESSION}`), cancelUrl: here(back), ...what });
  await leaveTo(url);
}

/** Cards, invoices and all else that Stripe keeps. @param {import("../../api.js").Api} api */
export async function openPortal(api) {
  const { url } = await api.post("/api/payments/create-portal-session", { returnUrl: here(location.hash) });
  await leaveTo(url);
}

/** A button that is busy while it works. It keeps the focus, which a disabled one would lose. @param {any} button @param {() => Promise<any>} run @param {string} refused */
export async function busily(button, run, refused) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  button.classList.add("busy");
  try {
    await run();
  } catch (error) {
    toast({ title: refused, body: problemOf(error), level: "warning" });
  }
  button.ariaDisabled = null;
  button.classList.remove("busy");
}
