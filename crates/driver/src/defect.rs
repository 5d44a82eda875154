//! Words for what should never happen. A defect is never blamed on the program.

use crate::status::Status;
use std::io::Write;
use std::panic;

/// What a defect looks like to the user.
pub fn report(what: &str) {
    let text = format!(
        "einc: this is a defect of einc, not of your program\n  {what}\n  einc {} on {}-{}\n\
         please report it together with the program\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
    );
    // Nobody is left to tell if even this cannot be written.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// From here on a panic anywhere in the process is reported as a defect and ends it. The hook itself ends the process:
/// a panic below machine code or in a thread of a pass could not be caught.
pub fn announce_panics() {
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without words");
        let place = info.location().map_or_else(String::new, |place| format!(" ({place})"));
        report(&format!("{message}{place}"));
        std::process::exit(i32::from(Status::Defect.code()));
    }));
}
