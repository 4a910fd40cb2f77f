//! Sockets, tasks, clocks and signals around the speaker.
