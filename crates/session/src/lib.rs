//! One BGP peer as a value: connections, state machine, timers, negotiation.
