// @ts-check
/**
 * How a conversation's own view changes by events: members, owner, settings, characters. Pure; each gives a new view, so
 * that who holds the old one can compare. The owner stands first among the members, as in what the server answers.
 */

const ownerFirst = (members, ownerId) => [...members].sort((a, b) => Number(b.id === ownerId) - Number(a.id === ownerId))
  .map((member) => ({ ...member, role: member.id === ownerId ? "owner" : "member" }));

function withMembers(conversation, members) {
  const sorted = ownerFirst(members, conversation.ownerId);
  return { ...conversation, members: sorted, memberIds: sorted.map(({ id }) => id) };
}

/** `member:add`. @param {any} conversation @param {any} member */
export function memberAdded(conversation, member) {
  return withMembers(conversation, [...(conversation.members ?? []).filter(({ id }) => id !== member.id), member]);
}

/** `member:remove`. @param {any} conversation @param {string} userId */
export function memberRemoved(conversation, userId) {
  return withMembers(conversation, (conversation.members ?? []).filter(({ id }) => id !== userId));
}

/** `conversation:update`: owner, settings and characters as they are now. @param {any} conversation @param {any} event */
export function changed(conversation, { conversationId: _id, offset: _offset, ...details }) {
  return withMembers({ ...conversation, ...details }, conversation.members ?? []);
}
