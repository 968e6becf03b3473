// @ts-check
/** A place whose content could not be loaded: says why, and tries again when asked. */
import { h, icon } from "./dom.js";

/** @param {any} error @param {() => void} again @param {string} [testid] */
export const failed = (error, again, testid = "load") => h("div.panel", { role: "alert", data: { testid: `${testid}-error` } }, h("p", {}, icon("warning"), ` ${error.message}`),
  h("button.button.quiet.small", { type: "button", data: { testid: `${testid}-again` }, onclick: again }, "Try again"));
