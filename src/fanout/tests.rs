//! The promises of the fan-out, on one thread and without a network.
