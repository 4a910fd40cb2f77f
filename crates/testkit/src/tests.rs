//! Speakers that find each other, exchange routes and fill kernels; storms against an oracle; the rules of the house.

mod as_path;
mod blackhole;
mod clusters;
mod distance;
mod drain;
mod flood;
mod graceful;
mod host;
mod house;
mod idle;
mod keys;
mod limits;
mod long_lived;
mod network;
mod peers;
mod policy;
mod reload;
mod restart;
mod sim;
mod soft;
mod watch;
