//! Puts compiled functions into executable memory.

use crate::environment::Environment;
use crate::target::Effort;
use crate::workers::CompiledFunction;
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleReloc, default_libcall_names};
use ir::loops::FnId;
use runtime::Context;
use std::mem::ManuallyDrop;

type Entry = unsafe extern "C" fn(&mut Context) -> i32;
/// The words of the arguments, and where the results go.
type Export = unsafe extern "C" fn(&mut Context, *const u64, *mut u64) -> i32;

/// Executable memory, which goes when this does.
pub struct Code {
    module: ManuallyDrop<JITModule>,
    pub entry: Option<Entry>,
    pub exports: Vec<Export>,
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: `entry` is only called while this lives, and the module is not used again.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() };
    }
}

/// Functions are cut from one stretch of memory, so that calls between them reach.
pub fn link(environment: &Environment, functions: &[CompiledFunction]) -> Result<Code, String> {
    const ALIGNMENT: usize = 64;
    const PAGES: usize = 1 << 16;
    let isa = environment.targets.get(Effort::High).clone();
    let size: usize = functions.iter().map(|function| function.bytes.len().next_multiple_of(ALIGNMENT)).sum();
    let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
    let memory = ArenaMemoryProvider::new_with_size(size + PAGES).map_err(|error| error.to_string())?;
    builder.memory_provider(Box::new(memory));
    let mut module = JITModule::new(builder);
    let ids: Vec<FuncId> = (0..functions.len() as u32)
        .map(|id| module.declare_anonymous_function(&environment.signature(FnId(id))).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    for (id, function) in ids.iter().zip(functions) {
        let relocs: Vec<ModuleReloc> = function.relocs.iter().map(|reloc| reloc.resolved(&ids)).collect();
        let defined = module.define_function_bytes(*id, function.alignment, &function.bytes, &relocs);
        defined.map_err(|error| error.to_string())?;
    }
    module.finalize_definitions().map_err(|error| error.to_string())?;
    let address = |id: FnId| module.get_finalized_function(ids[id.0 as usize]);
    let entry = environment.entry.map(|entry| {
        // SAFETY: the entry has no parameters and no results, so its signature is the context in, the status out.
        unsafe { std::mem::transmute::<*const u8, Entry>(address(entry)) }
    });
    // SAFETY: an export has two pointers as parameters and no results.
    let export = |id: &FnId| unsafe { std::mem::transmute::<*const u8, Export>(address(*id)) };
    let exports = environment.exports.iter().map(export).collect();
    Ok(Code { module: ManuallyDrop::new(module), entry, exports })
}
