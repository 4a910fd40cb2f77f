//! What peers need of the host: whether it is there, looked at again while it is not.
//!
//! One task keeps it. It looks when the speaker says that something changed ([`Effect::Bind`](speaker::Effect::Bind)), when
//! a connection found that something is missing, and every few seconds while anything is missing; never else.

use std::rc::Rc;
use std::time::Duration;

use nix::net::if_::if_nametoindex;
use speaker::Binding;
use tokio::sync::Notify;

use crate::core::Core;

/// What is missing is looked for this often.
const AGAIN: Duration = Duration::from_secs(5);

/// What the tasks share of it.
#[derive(Debug, Default)]
pub(crate) struct Bindings {
    look: Notify,
}

impl Bindings {
    /// Has the task look at everything.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    /// Looks at everything; true if something is missing.
    fn look_now(&self, core: &Core) -> bool {
        let wanted = core.speaker.borrow().bindings();
        let mut is_lacking = false;
        for binding in wanted {
            let outcome = device(&binding);
            is_lacking |= outcome.is_err();
            core.with(|speaker, now| speaker.on_bound(now, binding.of, outcome));
        }
        is_lacking
    }
}

fn device(binding: &Binding) -> Result<(), String> {
    match binding.device.as_deref() {
        Some(name) if if_nametoindex(name).is_err() => {
            Err(format!("there is no network device {name} (bind-device)"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Keeps what peers need for as long as the process lives.
pub(crate) async fn keep(core: Rc<Core>) {
    loop {
        let is_lacking = core.bindings.look_now(&core);
        tokio::select! {
            () = core.bindings.look.notified() => {}
            () = tokio::time::sleep(AGAIN), if is_lacking => {}
        }
    }
}
