// Before anything is painted, so that nobody's dark evening begins with a white flash. A script of its own, since the
// page's policy allows no inline one.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("opshub.theme");
    root.dataset.theme = theme === "light" || theme === "dark" ? theme : "system";
    root.toggleAttribute("data-wall", localStorage.getItem("opshub.wall") === "on" || /[?&]wall\b/.test(location.hash));
  } catch {
    root.dataset.theme = "system";
  }
})();
