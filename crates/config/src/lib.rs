//! Configuration text to a validated model, or all its faults.
//!
//! Text becomes a tree in which every value knows its line (`tree`), the tree becomes the raw
//! form that mirrors the file, and `resolve` turns that into a [`Config`] whose values cannot be
//! wrong, or into every [`ConfigFault`] at once. [`diff`] says what a changed configuration does to a
//! running speaker.
//!
//! Owns: the keys, their defaults, their checks and the text that tells an operator what to write.
//! Never does: read files, sockets or the environment (a look-up function is an argument), or apply
//! anything.

mod diff;
mod expand;
mod fault;
mod limits;
mod model;
mod raw;
mod resolve;
mod section;
mod suggest;
mod tree;

use std::sync::Arc;

pub use diff::{Change, Label, Subject, diff, peer_label};
pub use expand::Environment;
pub use fault::{ConfigFault, Location};
pub use limits::MAX_SIZE;
pub use model::{
    Api, AsSets, Blackhole, Config, DynamicRange, Farewell, GracefulRestart, HoldTime, Hostname,
    Kernel, LimitAction, Limits, Listen, LocalAs, Log, LogFormat, LogLevel, LongLived, Most,
    NextHopRule, OnStop, PathLimit, PathSettings, Peer, PrefixLimits, PrivateAs, RT_TABLE_MAIN,
    RemoteAs, Role, SessionSettings,
};
pub use raw::{RawLimits, RawPath, RawPeer, RawSession};
pub use resolve::resolve_peer;
pub use section::{Text, WordOrList};

use fault::Faults;
use raw::RawConfig;
use section::Reader;
use tree::{Node, Value};

/// Reads a configuration.
///
/// `path` is only named in faults; `env` looks up the variables of `${NAME}`.
///
/// # Errors
/// Every fault of the text at once, in the order of the file.
pub fn parse(
    text: &str,
    path: &str,
    role: Role,
    env: &Environment<'_>,
) -> Result<Config, Vec<ConfigFault>> {
    let path: Arc<str> = path.into();
    let mut faults = Faults::default();
    let start = Location::File {
        path: path.clone(),
        line: 1,
        column: 1,
    };
    if text.len() > MAX_SIZE {
        let message = format!("the file has {} octets", text.len());
        faults.add(&start, message, format!("at most {MAX_SIZE} are taken"));
        return Err(faults.into_sorted());
    }
    let root = tree::read(text, &path, &mut faults);
    let root = match root {
        Some(root) => root,
        // Not YAML at all: what is missing in it means nothing.
        None if !faults.is_empty() => return Err(faults.into_sorted()),
        None => Node {
            at: start,
            value: Value::Null,
        },
    };
    let mut reader = Reader { env, faults };
    match RawConfig::read(&mut reader, root) {
        Some(raw) => resolve::resolve(&raw, role, reader.faults),
        None => Err(reader.faults.into_sorted()),
    }
}

#[cfg(test)]
mod tests;
