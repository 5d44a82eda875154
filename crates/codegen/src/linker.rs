//! Puts compiled functions into executable memory.

use crate::environment::Environment;
use crate::target::Effort;
use crate::workers::CompiledFunction;
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleReloc, default_libcall_names};
use ir::loops::FnId;
use runtime::Context;
use std::collections::HashMap;
use std::mem::ManuallyDrop;

type Entry = unsafe extern "C" fn(&mut Context) -> i32;
/// The words of the arguments, and where the results go.
type Export = unsafe extern "C" fn(&mut Context, *const u64, *mut u64) -> i32;

/// Executable memory, which goes when this does.
pub struct Code {
    module: ManuallyDrop<JITModule>,
    ids: HashMap<FnId, FuncId>,
    pub entry: Option<Entry>,
    pub exports: Vec<Export>,
}

// SAFETY: once it is linked, its memory is only read.
unsafe impl Send for Code {}

impl Code {
    pub fn address(&self, id: FnId) -> *const u8 {
        self.module.get_finalized_function(self.ids[&id])
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: `entry` is only called while this lives, and the module is not used again.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() };
    }
}

/// Functions are cut from one stretch of memory, so that calls between them reach.
pub fn link(environment: &Environment, functions: &[(FnId, CompiledFunction)]) -> Result<Code, String> {
    const ALIGNMENT: usize = 64;
    const PAGES: usize = 1 << 16;
    let isa = environment.targets.get(Effort::High).clone();
    let size: usize = functions.iter().map(|(_, function)| function.bytes.len().next_multiple_of(ALIGNMENT)).sum();
    let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
    let memory = ArenaMemoryProvider::new_with_size(size + PAGES).map_err(|error| error.to_string())?;
    builder.memory_provider(Box::new(memory));
    let mut module = JITModule::new(builder);
    let mut ids = HashMap::with_capacity(functions.len());
    for (id, _) in functions {
        let declared = module.declare_anonymous_function(&environment.signature(*id)).map_err(|e| e.to_string())?;
        ids.insert(*id, declared);
    }
    for (id, function) in functions {
        let relocs: Vec<ModuleReloc> = function.relocs.iter().map(|reloc| reloc.resolved(&ids)).collect();
        let defined = module.define_function_bytes(ids[id], function.alignment, &function.bytes, &relocs);
        defined.map_err(|error| error.to_string())?;
    }
    module.finalize_definitions().map_err(|error| error.to_string())?;
    let address = |id: FnId| ids.get(&id).map(|id| module.get_finalized_function(*id));
    let entry = environment.entry.and_then(address).map(|entry| {
        // SAFETY: the entry has no parameters and no results, so its signature is the context in, the status out.
        unsafe { std::mem::transmute::<*const u8, Entry>(entry) }
    });
    // SAFETY: an export has two pointers as parameters and no results.
    let export = |code: *const u8| unsafe { std::mem::transmute::<*const u8, Export>(code) };
    let exports = environment.exports.iter().filter_map(|id| address(*id)).map(export).collect();
    Ok(Code { module: ManuallyDrop::new(module), ids, entry, exports })
}
