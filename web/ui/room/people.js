// @ts-check
/** Who is in a conversation: people with their presence, characters, and who of them answers. */
import { avatar, h, iconButton } from "../dom.js";
import { field, form } from "../form.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { ago } from "../time.js";

const MAX_CHARACTERS = 8;
const MODES = { mention: ["Who is named", "Name one with @. Without a name the first character answers."], turn_order: ["Turn by turn", "One after the other, unless somebody is named."],
  talkativeness: ["As they like", "Who is named, and others by how talkative they are."], by_hand: ["Only when asked", "Nobody answers until you ask one below."] };
const PRESENCE = { online: "Here now", away: "Away" };

/** @param {import("./chat.js").ChatView} chat @returns {any[]} */
export function people(chat) {
  const { state, client } = chat.context;
  const conversation = chat.conversation;
  const owner = conversation.ownerId === state.user.id;
  const tell = async (/** @type {string} */ event, /** @type {object} */ data, /** @type {string} */ done) => {
    await client.command(event, { conversationId: chat.id, ...data });
    if (done) toast({ title: done, level: "success" });
  };
  const act = (/** @type {string} */ event, /** @type {object} */ data, done = "") => tell(event, data, done).catch((error) => toastError(error, "That was refused"));
  return [persons({ chat, conversation, owner, state, act, tell }), cast({ chat, conversation, owner, state, act })];
}

function persons({ chat, conversation, owner, state, act, tell }) {
  const members = conversation.members ?? [];
  const name = (member) => member.displayName || member.username;
  const remove = async (member) => {
    if (await confirmed({ title: `Remove ${name(member)}?`, body: "They no longer see this conversation. What they said stays.", action: "Remove" })) act("member:remove", { userId: member.id });
  };
  const handOver = async (member) => {
    if (await confirmed({ title: `Hand over to ${name(member)}?`, body: "They become the owner: they invite, remove and publish. You stay as a member.", action: "Hand over" })) act("member:update", { userId: member.id, role: "owner" });
  };
  const leave = async () => {
    if (await confirmed({ title: "Leave this conversation?", body: "You no longer see it, and come back only when you are invited again.", action: "Leave" })) act("member:remove", { userId: state.user.id });
  };
  const row = (member) => {
    const status = chat.room?.presence.get(member.id) ?? "offline";
    const seen = chat.room?.lastSeen.get(member.id);
    const words = PRESENCE[/** @type {"online"} */ (status)] ?? (seen ? `Last here ${ago(seen)}` : "Not here");
    const me = member.id === state.user.id;
    return h("li.who", { data: { testid: "member", userId: member.id, presence: status } },
      h("span.who-face", { data: { presence: status } }, avatar({ name: name(member) }, "small")),
      h("span.who-words", {}, h("span.who-name", {}, name(member), me ? h("span.muted", {}, " (you)") : null, member.role === "owner" ? h("span.tag", { data: { tone: "good" } }, "owner") : null),
        h("span.who-detail", {}, `@${member.username} · ${words}`)),
      owner && !me ? h("span.who-deeds", {}, iconButton("crown", `Hand over to ${name(member)}`, { data: { testid: "hand-over", key: `hand-${member.id}` }, onclick: () => handOver(member) }),
        iconButton("close", `Remove ${name(member)}`, { data: { testid: "remove-member", key: `remove-${member.id}` }, onclick: () => remove(member) })) : null);
  };
  const username = field("invite-name", "Invite by user name", { maxLength: 30, autocapitalize: "none", spellcheck: "false", autocomplete: "off" }, { key: "username" });
  const invite = form({ id: "invite", fields: [username], submit: "Invite", look: "quiet",
    send: ({ username: wanted }) => tell("member:add", { username: wanted.replace(/^@/, "") }, ""), done: () => {
      invite.reset();
      username.input.blur();
      chat.panel.changed("details");
      toast({ title: "They are in", level: "success" });
    } });
  return h("section.side-part", { "aria-label": "People" }, h("h3", {}, `People · ${members.length}`), h("ul.whos", {}, ...members.map(row)),
    owner ? invite.element : h("button.button.quiet.small", { type: "button", data: { testid: "leave-room" }, onclick: leave }, "Leave this conversation"));
}

function cast({ chat, conversation, owner, state, act }) {
  const characters = conversation.characters ?? [];
  const remove = async (one) => {
    if (await confirmed({ title: `Remove ${one.name}?`, body: "What it said stays.", action: "Remove" })) act("character:remove", { characterId: one.id });
  };
  const row = (brief) => {
    const one = chat.who(brief.id);
    return h("li.who", { data: { testid: "room-character", characterId: one.id } }, h("span.who-face", {}, avatar(one, "small")),
      h("span.who-words", {}, h("a.who-name", { href: `#/characters/${one.slug ?? one.id}` }, one.name), h("span.who-detail", {}, one.tagline ?? "")),
      h("span.who-deeds", {}, h("button.button.quiet.small", { type: "button", title: `Ask ${one.name} to answer now`, data: { testid: "ask-character", key: `ask-${one.id}` }, onclick: () => chat.deeds.ask(one.id) }, "Ask"),
        owner && characters.length > 1 ? iconButton("close", `Remove ${one.name}`, { data: { testid: "remove-character", key: `cast-${one.id}` }, onclick: () => remove(one) }) : null));
  };
  const others = [...state.characters.values()].filter(({ id }) => !characters.some((one) => one.id === id));
  const select = h("select", { id: "add-character", data: { testid: "add-character" }, onchange: () => select.value && act("character:add", { characterId: select.value }).then(() => {
    select.blur();
    chat.panel.changed("details");
  }) },
  h("option", { value: "" }, "Choose a character"), ...others.map(({ id, name }) => h("option", { value: id }, name)));
  const [, hint] = MODES[/** @type {"mention"} */ (conversation.replyMode)] ?? MODES.mention;
  const mode = h("select", { id: "reply-mode", "aria-describedby": "reply-mode-hint", disabled: !owner, data: { testid: "reply-mode" },
    onchange: () => act("conversation:update", { replyMode: mode.value }).then(() => mode.blur() ?? chat.panel.changed("details")) },
  ...Object.entries(MODES).map(([value, [text]]) => h("option", { value, selected: value === conversation.replyMode }, text)));
  return h("section.side-part", { "aria-label": "Characters" }, h("h3", {}, `Characters · ${characters.length}`), h("ul.whos", {}, ...characters.map(row)),
    owner && characters.length < MAX_CHARACTERS && others.length ? h("div.field", {}, h("label", { for: "add-character" }, "Bring in"), select) : null,
    h("div.field", {}, h("label", { for: "reply-mode" }, "Who answers"), mode, h("p.field-hint", { id: "reply-mode-hint" }, hint)));
}
