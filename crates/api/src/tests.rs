//! The API over its socket, with a real speaker behind it whose peers nobody answers.

mod lab;
mod lists;
mod peers;
mod watch;
