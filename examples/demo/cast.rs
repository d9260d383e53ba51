//! What a day can be made of. Everything here is invented.

/// The priority that the README's first steps approve.
pub(crate) const BETA: (&str, &str) = ("Ship the beta", "release manager");

/// What is to be decided and done, and whose it is.
pub(crate) const PRIORITIES: [(&str, &str); 20] = [
    ("Renew the lease of the north hall", "facilities"),
    ("Move the nightly export to the new pipeline", "data team"),
    ("Answer the audit's open questions", "finance desk"),
    ("Choose the venue for the spring fair", "events team"),
    ("Raise the limits of the pilot customers", "account desk"),
    ("Retire the old ticket importer", "platform team"),
    ("Find a second night operator", "operations lead"),
    ("Publish the status page in three languages", "docs desk"),
    ("Stop the flicker of the dock displays", "field team"),
    ("Halve the start time of the scanner app", "mobile team"),
    ("Agree on how long logs are kept", "security lead"),
    ("Order spare gateways for plant two", "field team"),
    ("Prepare the quarterly review", "operations lead"),
    ("Rehearse the fail-over of the database", "platform team"),
    ("Write the runbook for lost sensors", "night shift"),
    ("Let customers pause their deliveries", "product desk"),
    ("Bring the sample archive under backup", "data team"),
    ("Settle the dispute about pallet fees", "finance desk"),
    ("Label the cold-room probes anew", "field team"),
    ("Menu cards for the Zürich canteen", "events team"),
];

/// How a priority stands, in a few words.
pub(crate) const NOTES: [&str; 10] = [
    "waits for the legal check",
    "two of five sites are done",
    "figures look better than last week",
    "held up by the missing keys",
    "pilot customers asked again",
    "needs a decision today",
    "the draft is in review",
    "the estimate went down by a day",
    "a first run worked on the test floor",
    "the supplier confirmed the date",
];

/// What we owe, and to whom.
pub(crate) const OWE: [(&str, &str); 10] = [
    ("Draft of the pilot contract", "harbor office"),
    ("Photos of the new dock", "press desk"),
    ("Cost estimate for the cold room", "finance desk"),
    ("Access badges for the auditors", "audit team"),
    ("Comments on the sensor report", "institute"),
    ("Figures for the energy report", "facilities"),
    ("A date for the site visit", "insurer"),
    ("Corrected freight invoice", "carrier"),
    ("Feedback on the tender", "purchasing"),
    ("Shift plan for the holidays", "night shift"),
];

/// What is owed to us, and by whom.
pub(crate) const OWED: [(&str, &str); 10] = [
    ("Keys of the loading bay", "landlord"),
    ("Signed safety sheet", "contractor"),
    ("Replacement for the broken scale", "supplier"),
    ("Test data for the importer", "partner team"),
    ("Refund for the missed delivery", "carrier"),
    ("Answer about the parking lots", "city office"),
    ("Firmware notes for the gateways", "vendor"),
    ("Minutes of the steering round", "project office"),
    ("Quote for the roof repair", "roofer"),
    ("Access to the weather feed", "data provider"),
];

/// Meetings: title, place, minutes.
pub(crate) const MEETINGS: [(&str, &str, i64); 12] = [
    ("Pilot customer call", "call", 45),
    ("Design walk-through", "room 2", 60),
    ("Supplier talk", "room 4", 60),
    ("Interview for the night shift", "room 1", 45),
    ("Budget round", "room 3", 30),
    ("Incident review", "call", 30),
    ("Dock inspection", "north hall", 60),
    ("Roadmap hour", "room 2", 60),
    ("Calibration of the scales", "plant two", 90),
    ("Press questions", "call", 30),
    ("Beta readiness check", "room 3", 45),
    ("Tour for the new colleagues", "gate 1", 60),
];

/// Where a meeting can be moved to.
pub(crate) const PLACES: [&str; 6] = ["room 1", "room 2", "room 3", "room 4", "call", "cafeteria"];
