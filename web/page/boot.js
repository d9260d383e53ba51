// Before anything is painted, so that nobody's dark evening begins with a white flash. A script of its own, since the
// page's policy allows no inline one.
(() => {
  const root = document.documentElement;
  // Who looks is asked while the modules are still on their way.
  const asked = fetch("/api/auth/me", { cache: "no-store" });
  asked.catch(() => undefined);
  // What sets a hub up is not left in the address, nor in the history.
  const [, key] = /^#\/setup\?key=([^&]*)/.exec(location.hash) ?? [];
  if (key !== undefined) history.replaceState(null, "", "#/");
  Object.assign(globalThis, { opshub: { asked, key } });
  // The link may be opened where the page is already.
  addEventListener("hashchange", () => location.hash.startsWith("#/setup?key=") && location.reload());
  try {
    const theme = localStorage.getItem("opshub.theme");
    root.dataset.theme = theme === "light" || theme === "dark" ? theme : "system";
    root.toggleAttribute("data-wall", localStorage.getItem("opshub.wall") === "on" || /[?&]wall\b/.test(location.hash));
  } catch {
    root.dataset.theme = "system";
  }
})();
