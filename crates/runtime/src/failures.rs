//! Rows of the runtime table that end in an error, and what emitted code calls about errors.
#![allow(clippy::missing_safety_doc)]

use crate::context::Context;
use crate::errors::{FAILED, Problem};
use crate::object::{self, Str};

pub unsafe extern "C" fn panic(context: &mut Context, site: u32, message: *const Str) -> i32 {
    let message = unsafe { object::text(message) }.to_string();
    context.fail(site, Problem::Panic { message });
    // A site of another code keeps its code: the words are the caller's either way.
    let code = context.sites[site as usize].code;
    if let Some(failure) = &mut context.pending {
        if code != failure.code && code != "E0907" {
            failure.labels[0].1 = "the run ends here".to_string();
        }
        failure.code = code;
    }
    FAILED
}

pub unsafe extern "C" fn assert_failed(
    context: &mut Context,
    site: u32,
    message: *const Str,
    left: *const Str,
    right: *const Str,
) -> i32 {
    let text = |string: *const Str| (!string.is_null()).then(|| unsafe { object::text(string) }.to_string());
    let problem = Problem::Assertion { message: text(message), operands: text(left).zip(text(right)) };
    context.fail(site, problem)
}

/// What a `Fail` statement does.
pub unsafe extern "C" fn fail(context: &mut Context, site: u32, arguments: *const i64, count: i64) -> i32 {
    let arguments = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(arguments, count as usize) } };
    context.fail_at(site, arguments)
}

/// The message of the error that a `Try` caught, which is thereby over.
pub unsafe extern "C" fn take_message(context: &mut Context) -> *mut Str {
    let message = context.pending.take().map_or_else(String::new, |failure| failure.message);
    context.message_string(&message)
}
