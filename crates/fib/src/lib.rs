//! Desired kernel routes against installed ones: the plan, and the port to the kernel.
