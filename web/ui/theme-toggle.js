// @ts-check
/** Light or dark: follows the system until one is chosen, then the choice is kept on this device. */
import { iconButton } from "./dom.js";

const KEY = "greenroom.theme";

export function themeToggle() {
  const label = () => (document.documentElement.dataset.theme === "dark" ? "Switch to the light theme" : "Switch to the dark theme");
  const button = iconButton("theme", label(), {
    data: { testid: "theme-toggle" },
    onclick: () => {
      const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      try {
        if (theme === system) localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, theme);
      } catch { /* storage can be forbidden; the choice then lasts as long as the page */ }
      button.title = label();
      button.setAttribute("aria-label", label());
    },
  });
  return button;
}
