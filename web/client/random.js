// @ts-check
/** Ids that a client chooses, by which the server knows what comes again: stored once, made once, paid once. */

/** 32 hex digits. `crypto.randomUUID` exists on https pages only. */
export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
