/** The verbs that the page completes; others may be typed. */
export const VERBS = [
  { name: "approve", target: "priority", help: "approves a priority, or a recovery" },
  { name: "reject", target: "priority", help: "rejects a priority, or a recovery" },
  { name: "done", target: "priority", help: "marks a priority as done" },
  { name: "brief", target: "item", help: "writes the brief about an item, or about the day" },
  { name: "pause", target: "gateway", help: "takes a gateway out of the judging" },
  { name: "resume", target: "gateway", help: "has a paused gateway judged again" },
  { name: "refresh", target: "none", help: "starts a collection" },
  { name: "status", target: "none", help: "tells how things stand" },
  { name: "help", target: "verb", help: "tells what commands there are" },
];
