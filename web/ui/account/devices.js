// @ts-check
/** Where one is signed in. */
import { h } from "../dom.js";
import { confirmed, toast, toastError } from "../overlays.js";
import { fullMoment } from "../time.js";
import { deviceName, line, pages, panel } from "./parts.js";

/** @param {import("./account.js").Place} place */
export function devices({ api, redraw, signOut, signedOut }) {
  const end = async (/** @type {any} */ session) => {
    try {
      await api.delete(`/api/auth/sessions/${session.id}`);
      toast({ title: "Signed out there", level: "success" });
      redraw();
    } catch (error) {
      toastError(error, "It stays signed in");
    }
  };
  const draw = (/** @type {any} */ session) => line(
    [deviceName(session.userAgent), session.current ? h("span.tag", { data: { tone: "good" } }, "This device") : ""],
    [[session.address, `last used ${fullMoment(session.lastUsedAt)}`, `since ${fullMoment(session.createdAt)}`].filter(Boolean).join(" · ")],
    ...(session.current ? [h("button.button.quiet.small", { type: "button", onclick: () => signOut() }, "Sign out")]
      : [h("button.button.quiet.small", { type: "button", data: { testid: "end-session" }, onclick: () => end(session) }, "Sign out there")]));
  const everywhere = async () => {
    const yes = await confirmed({ title: "Sign out everywhere?", body: "All devices are signed out within a second, this one too.", action: "Sign out everywhere" });
    if (!yes) return;
    try {
      await api.post("/api/auth/logout-all");
      signedOut("All devices are signed out.");
    } catch (error) {
      toastError(error, "Nothing was signed out");
    }
  };
  return [panel("Devices", ...pages(api, "/api/auth/sessions?limit=20", draw, { empty: "None.", testid: "devices" }),
    h("button.button.danger", { type: "button", data: { testid: "logout-all" }, onclick: everywhere }, "Sign out everywhere"))];
}
