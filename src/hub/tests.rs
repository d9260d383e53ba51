//! The hub's promises that need a hand on its clock or its disk.
