//! Configuration text to a validated model, or all its faults.
