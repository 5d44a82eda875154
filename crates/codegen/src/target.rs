//! The machine that this process runs on, as Cranelift sees it.

use crate::Options;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};

/// How much work the code of a function is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effort {
    /// Runs at most a few times: compiled fast.
    Low,
    High,
}

pub struct Targets {
    low: OwnedTargetIsa,
    high: OwnedTargetIsa,
}

impl Targets {
    pub fn new(options: &Options) -> Result<Targets, String> {
        let fast = [("opt_level", "none"), ("regalloc_algorithm", "single_pass")];
        let good = [("opt_level", "speed"), ("regalloc_algorithm", "backtracking")];
        let high = if options.opt_level == 0 { fast } else { good };
        Ok(Targets { low: target(&fast)?, high: target(&high)? })
    }

    pub fn get(&self, effort: Effort) -> &OwnedTargetIsa {
        match effort {
            Effort::Low => &self.low,
            Effort::High => &self.high,
        }
    }
}

fn target(flags: &[(&str, &str)]) -> Result<OwnedTargetIsa, String> {
    let common = [
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        // Functions with many results return them through memory.
        ("enable_multi_ret_implicit_sret", "true"),
        // Emitted functions compare the stack pointer themselves.
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
        ("use_colocated_libcalls", "false"),
        ("is_pic", "false"),
    ];
    let mut builder = settings::builder();
    for (name, value) in common.iter().chain(flags) {
        builder.set(name, value).map_err(|error| format!("cranelift setting {name}: {error}"))?;
    }
    let isa = cranelift_native::builder()?;
    isa.finish(settings::Flags::new(builder)).map_err(|error| error.to_string())
}
