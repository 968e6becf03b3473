// @ts-check
/** Changing one's own message in its place. Enter saves, Shift+Enter makes a new line, Escape gives up. */
import { focusOn, h, setText } from "../dom.js";
import { sendRefused } from "../words.js";

const MAX_LENGTH = 5000;

/**
 * @param {string} text
 * @param {{save: (text: string, resend: boolean) => Promise<any>, close: () => void, canResend: boolean}} options
 */
export function messageEditor(text, { save, close, canResend }) {
  const input = h("textarea", { rows: "2", dir: "auto", maxLength: MAX_LENGTH, "aria-label": "Change your message", "aria-describedby": "editor-hint", data: { testid: "edit-input" },
    oninput: fit, onkeydown: (event) => {
      if (event.isComposing) return;
      if (event.key === "Escape") {
        event.stopPropagation();
        close();
      } else if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        run(false);
      }
    } });
  input.value = text;
  const problem = h("p.field-error", { role: "alert", hidden: true });
  const buttons = [h("button.button.primary.small", { type: "button", data: { testid: "edit-save" }, onclick: () => run(false) }, "Save"),
    canResend ? h("button.button.quiet.small", { type: "button", data: { testid: "edit-resend" }, onclick: () => run(true) }, "Save and ask again") : null,
    h("button.button.quiet.small", { type: "button", data: { testid: "edit-cancel" }, onclick: close }, "Cancel")].filter(Boolean);
  const element = h("div.editor", {}, input, problem, h("div.editor-actions", {}, ...buttons,
    h("span.editor-hint", { id: "editor-hint" }, "Enter saves, Esc gives up")));

  function fit() {
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight + 2}px`;
  }

  async function run(/** @type {boolean} */ resend) {
    const wanted = input.value.trim();
    if (!wanted || buttons[0].disabled) return;
    if (wanted === text && !resend) return close();
    for (const button of buttons) button.disabled = true;
    try {
      await save(wanted, resend);
      close();
    } catch (error) {
      setText(problem, sendRefused(error));
      problem.hidden = false;
      input.focus();
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  return { element, focus: () => {
    fit();
    focusOn(input);
    input.setSelectionRange(text.length, text.length);
  } };
}
