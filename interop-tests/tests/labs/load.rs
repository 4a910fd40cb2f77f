//! A small run of the load tool. How long it takes is for `scripts/test-long` to print; here it
//! only has to end, with every client knowing every block.

use interop_tests::daemon::{Kind, can_run};
use interop_tests::{Result, load};

const CLIENTS: usize = 100;

#[test]
fn a_hundred_dynamic_clients_learn_all() -> Result<()> {
    if !can_run(&[Kind::Reflector]) {
        return Ok(());
    }
    load::run(Kind::Reflector, CLIENTS).map(drop)
}

mod makers {
    use super::*;

    #[test]
    fn a_hundred_clients_of_bird_learn_all() -> Result<()> {
        if !can_run(&[Kind::Bird]) {
            return Ok(());
        }
        load::run(Kind::Bird, CLIENTS).map(drop)
    }
}
