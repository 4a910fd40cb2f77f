//! Labs in network namespaces against real BGP daemons.
