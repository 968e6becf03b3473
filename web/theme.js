/* Runs before the first paint, so that a page never flashes in the wrong colours. The only script that is not a module. */
(function () {
  "use strict";
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function chosen() {
    try {
      return localStorage.getItem("greenroom.theme");
    } catch (error) {
      return null; // storage can be forbidden; then the system's choice holds
    }
  }
  function apply() {
    var theme = chosen() || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    var meta = document.querySelector('meta[name="theme-color"]');
    if (meta) meta.content = theme === "dark" ? "#0d1411" : "#173d2f";
  }
  dark.addEventListener("change", apply);
  apply();
})();
