// @ts-check
/** A place where files may be dropped. Only files: text and links that are dragged over it stay what they are. */

/** Files of a drop or of what was pasted. @param {DataTransfer|null} data */
export const filesOf = (data) => [...(data?.files ?? [])];

/** @param {HTMLElement} element it gets the class `over` while files hover @param {(files: File[]) => void} take */
export function dropPlace(element, take) {
  let depth = 0;                                      // entering a child comes before leaving its parent
  const has = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  const over = (/** @type {number} */ now) => {
    depth = Math.max(0, now);
    element.classList.toggle("over", depth > 0);
  };
  element.addEventListener("dragenter", (event) => has(event) && (event.preventDefault(), over(depth + 1)));
  element.addEventListener("dragover", (event) => has(event) && event.preventDefault());
  element.addEventListener("dragleave", (event) => has(event) && over(depth - 1));
  element.addEventListener("drop", (event) => {
    if (!has(event)) return;
    event.preventDefault();
    event.stopPropagation();
    over(0);
    const files = filesOf(event.dataTransfer);
    if (files.length) take(files);
  });
}
