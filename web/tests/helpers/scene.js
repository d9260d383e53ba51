const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A time so many hours from now. @param {number} hours */
export const hours = (hours) => new Date(Date.now() + hours * HOUR_MS).toISOString();

/** A date so many days from now. @param {number} days */
export const days = (days) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);

/** @typedef {{ id: string } & Record<string, unknown>} Item */

/**
 * A plausible state, as a merge patch: something in every part that people and feeders fill.
 * @returns {{ system: object, priorities: Item[], calendar: Item[], commitments: { owe: Item[], owed: Item[] } }}
 */
export function scene() {
  return {
    system: { status: "COLLECTING", progress: 62, last_sync: hours(-0.07) },
    priorities: [
      { id: "P7", title: "Ship the beta", owner: "Ada", due: days(1), url: "https://example.org/beta" },
      { id: "P8", title: "Renew the lease", status: "approved", due: days(4) },
      { id: "P9", title: "Rotate the signing keys", status: "done" },
      { id: "P10", title: "Move the backups", status: "rejected" },
    ],
    calendar: [
      { id: "E1", title: "Stand-up", start: hours(-2), end: hours(-1.5), location: "Room 2" },
      { id: "E2", title: "Release review", start: hours(-0.25), end: hours(0.75), refs: ["P7"] },
      { id: "E3", title: "Lunch with the lab", start: hours(0.5), end: hours(1.5) },
      { id: "E4", title: "On call", start: days(0), end: days(2) },
      { id: "E5", title: "Board meeting", start: hours(26), end: hours(27) },
    ],
    commitments: {
      owe: [
        { id: "C3", title: "Draft of the plan", to: "Grace", due: days(2) },
        { id: "C4", title: "Numbers for the audit", due: days(-2) },
      ],
      owed: [{ id: "C9", title: "Keys to the lab", from: "Linus", due: days(5) }],
    },
  };
}
