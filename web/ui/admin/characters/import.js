// @ts-check
/** A character by file: a card as JSON, PNG or CHARX. It is looked at first; what would be lost or changed is told before it is taken. */
import { avatar, h, icon } from "../../dom.js";
import { toast, toastError } from "../../overlays.js";

const MAX_BYTES = 16 * 1024 * 1024;

/** @param {any} context see app.js */
export function importer({ api, state, navigate }) {
  const input = h("input.visually-hidden", { type: "file", id: "import-file", accept: ".json,.png,.charx,.jpg,.jpeg,application/json,image/png,image/jpeg,application/zip", data: { testid: "import-file" }, onchange: () => input.files[0] && look(input.files[0]) });
  const preview = h("div.import-preview", { hidden: true, role: "status", data: { testid: "import-preview" } });
  const drop = h("div.import-drop", { data: { testid: "import-drop" }, ondragover: (event) => {
    event.preventDefault();
    drop.classList.add("over");
  }, ondragleave: () => drop.classList.remove("over"), ondrop: (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) look(event.dataTransfer.files[0]);
  } }, icon("card"), h("p", {}, h("label.link", { for: "import-file" }, "Choose a character card"), h("span.import-or", {}, " or drop one here")), h("p.muted", {}, "V2 or V3, as JSON, PNG or CHARX"), input);

  async function look(/** @type {File} */ file) {
    if (file.size > MAX_BYTES) return toast({ title: "This file is too large", body: "A card has at most 16 MB.", level: "warning" });
    try {
      show(file, await api.upload("/api/characters/import?dryRun=true", file));
    } catch (error) {
      preview.hidden = false;
      preview.replaceChildren(h("p.field-error", { role: "alert" }, `${file.name}: ${error.message}`), details(error.details?.map(({ field, message }) => `${field} ${message}`) ?? []));
    }
    input.value = "";
  }

  function show(/** @type {File} */ file, answer) {
    const character = answer;
    const warnings = (answer.warnings ?? []).map((/** @type {{field: string, message: string}} */ { field, message }) => `${field} ${message}`);
    const take = h("button.button.primary", { type: "button", data: { testid: "import-confirm" }, onclick: async () => {
      take.disabled = true;
      try {
        const made = await api.upload("/api/characters/import", file);
        toast({ title: `${made.name} has come in`, level: "success" });
        state.loadCharacters().catch(() => {});
        navigate(`#/admin/characters/${made.slug}`);
      } catch (error) {
        take.disabled = false;
        toastError(error, "The card was not taken");
      }
    } }, "Take it in");
    const lore = character.settings?.lorebook?.entries?.length ?? 0;
    const greetings = [character.greeting, ...(character.alternateGreetings ?? [])].filter(Boolean).length;
    preview.hidden = false;
    preview.replaceChildren(h("div.import-one", {}, avatar(character, "large"), h("div", {}, h("p.card-name", {}, character.name), h("p.muted", {}, `${file.name} · ${greetings} ${greetings === 1 ? "greeting" : "greetings"} · ${lore} lore ${lore === 1 ? "entry" : "entries"}`),
      h("p.import-text", {}, (character.tagline || character.description || "").slice(0, 280)))), details(warnings),
    h("div.confirm-actions", {}, h("button.button.quiet", { type: "button", onclick: () => { preview.hidden = true; } }, "Leave it"), take));
    take.focus();
  }

  return h("section.panel.import", { "aria-label": "Bring in a character card" }, drop, preview);
}

function details(/** @type {string[]} */ lines) {
  if (!lines.length) return "";
  return h("div.notice.warn", {}, icon("warning"), h("ul", {}, ...lines.map((line) => h("li", {}, line))));
}
