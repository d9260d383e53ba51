import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Starts a browser. */
export async function launch() {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error("there is no chromium here: install it, or name one in CHROMIUM");
  // Without a sandbox it also runs as root, as in containers.
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}
