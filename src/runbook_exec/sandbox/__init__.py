"""The rehearsal company: doubles of the far sides, on loopback, with nothing but Python."""
