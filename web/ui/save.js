// @ts-check
/** Gives a file to the browser to be saved. */

const KEPT_MS = 60000;

/** @param {{blob: Blob, name: string}} file */
export function save({ blob, name }) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
