/** The verbs that the page completes; others may be typed. `reads`: also for those who may only look. */
export const VERBS = [
  { name: "approve", target: "priority", help: "approves a priority, or a recovery" },
  { name: "reject", target: "priority", help: "rejects a priority, or a recovery" },
  { name: "done", target: "priority", help: "marks a priority as done" },
  { name: "brief", target: "item", help: "writes the brief about an item, or about the day" },
  { name: "pause", target: "gateway", help: "takes a gateway out of the judging" },
  { name: "resume", target: "gateway", help: "has a paused gateway judged again" },
  { name: "refresh", target: "none", help: "starts a collection" },
  { name: "status", target: "none", reads: true, help: "tells how things stand" },
  { name: "help", target: "verb", reads: true, help: "tells what commands there are" },
];

/** Whether a command is for those who may only look as well. @param {string} command */
export function reads(command) {
  const [word] = command.trim().toLowerCase().split(/\s/);
  return VERBS.some(({ name, reads }) => reads === true && name === word);
}
