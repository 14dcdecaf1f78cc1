//! What can be broken in a run: rules of the mirror, taken out one at a time.
//!
//! Place: `cargo xtask play` builds the crates with some of the project's mutations in them,
//! each behind a switch, and says here which they are. Without that nothing can be broken.

use serde_json::Value;

/// The mutations: an array of objects with `id`, `name` and `rule`.
const LIST: Option<&str> = option_env!("PLAY_BUGS");

/// The mutations that can be switched on.
pub(crate) fn list() -> Value {
    LIST.and_then(|list| serde_json::from_str(list).ok()).unwrap_or_else(|| Value::Array(vec![]))
}

/// Switches one on, and all others off; none, if `id` is empty.
pub(crate) fn switch(id: &str) -> Result<(), String> {
    let number = match id {
        "" => 0,
        id => id.parse().map_err(|_| format!("there is no bug `{id}`"))?,
    };
    if number == 0 { Ok(()) } else { on(number) }?;
    #[cfg(feature = "bugs")]
    mutant_switch::choose(number);
    Ok(())
}

#[cfg(feature = "bugs")]
fn on(_number: usize) -> Result<(), String> {
    Ok(())
}

#[cfg(not(feature = "bugs"))]
fn on(number: usize) -> Result<(), String> {
    Err(format!("this module was built without bugs, and has no number {number}"))
}
