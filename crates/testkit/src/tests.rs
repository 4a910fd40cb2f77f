//! Whole speakers in a network of their own, and the rules of the house.

mod house;
mod network;
mod peers;
mod watch;
