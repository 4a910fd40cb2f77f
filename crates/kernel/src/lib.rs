//! Linux routing by netlink: the implementation of the kernel port.
