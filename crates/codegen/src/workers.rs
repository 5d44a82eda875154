//! Compiles the functions of a module, on several threads where there are enough of them.

use crate::Text;
use crate::environment::Environment;
use crate::function::emit;
use crate::later::emit_call_of_later;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, LibCall};
use cranelift_codegen::{Context, FinalizedMachReloc, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_module::{FuncId, ModuleReloc, ModuleRelocTarget};
use ir::loops::FnId;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Below this a second thread costs more than it takes over.
const FEW: usize = 50;
const MOST_THREADS: usize = 8;
/// Expressions nest as deep as the source does.
const STACK: usize = 1 << 30;

pub struct CompiledFunction {
    pub bytes: Vec<u8>,
    pub alignment: u64,
    pub relocs: Vec<Relocation>,
    pub text: Option<Text>,
}

/// A place that needs an address.
pub struct Relocation {
    offset: u32,
    kind: Reloc,
    addend: i64,
    target: Target,
}

enum Target {
    Function(FnId),
    /// Of the same function: constants behind its code.
    Within(FnId, u32),
    Library(LibCall),
}

impl Relocation {
    /// With the names that the linker gave to the functions.
    pub fn resolved(&self, ids: &HashMap<FnId, FuncId>) -> ModuleReloc {
        let name = match self.target {
            Target::Function(id) => ids[&id].into(),
            Target::Within(id, offset) => ModuleRelocTarget::FunctionOffset(ids[&id], offset),
            Target::Library(call) => ModuleRelocTarget::LibCall(call),
        };
        ModuleReloc { offset: self.offset, kind: self.kind, name, addend: self.addend }
    }
}

/// Those that are `wanted`, in order; `own` is one that is seldom called and is now.
pub fn compile_functions(
    environment: &Environment,
    wanted: &[FnId],
    own: Option<FnId>,
) -> Result<Vec<(FnId, CompiledFunction)>, String> {
    let count = wanted.len();
    let cores = || thread::available_parallelism().map_or(1, |n| n.get());
    let threads = if count < FEW { 1 } else { environment.threads.unwrap_or_else(cores).min(MOST_THREADS) };
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<CompiledFunction, String>)>> = Mutex::new(Vec::with_capacity(count));
    let work = || {
        let mut compiler = Compiler { context: Context::new(), builder: FunctionBuilderContext::new() };
        let mut finished = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let id = wanted[number];
            let later = environment.later(id).filter(|_| own != Some(id));
            finished.push((number, compiler.compile(environment, id, later)));
        }
        done.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(finished);
    };
    thread::scope(|scope| {
        let helpers: Vec<_> =
            (1..threads).map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)).collect();
        work();
        // A thread that could not start leaves its share to the others.
        drop(helpers);
    });
    let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(number, function)| Ok((wanted[number], function?))).collect()
}

/// Memory that is used from function to function.
struct Compiler {
    context: Context,
    builder: FunctionBuilderContext,
}

impl Compiler {
    fn compile(&mut self, environment: &Environment, id: FnId, later: Option<i64>) -> Result<CompiledFunction, String> {
        let name = &environment.functions[id.0 as usize].name;
        self.context.clear();
        match later {
            Some(later) => emit_call_of_later(environment, later, id, &mut self.context.func, &mut self.builder),
            None => emit(environment, id, &mut self.context.func, &mut self.builder),
        }
        let clif = environment.keep_text.then(|| self.context.func.display().to_string());
        self.context.set_disasm(environment.keep_text);
        let isa = environment.targets.get(environment.effort(id));
        let mut control = ControlPlane::default();
        let code = match self.context.compile(isa.as_ref(), &mut control) {
            Ok(code) => code,
            Err(error) => return Err(format!("cranelift refuses `{name}`: {:?}", error.inner)),
        };
        let bytes = code.buffer.data().to_vec();
        let alignment = u64::from(code.buffer.alignment).max(u64::from(isa.function_alignment().preferred));
        let relocs = code.buffer.relocs().to_vec();
        let asm = code.vcode.clone().unwrap_or_default();
        let text = clif.map(|clif| Text { name: name.clone(), clif, asm });
        let relocs = relocs.iter().map(|reloc| self.relocation(reloc, id)).collect();
        Ok(CompiledFunction { bytes, alignment, relocs, text })
    }

    fn relocation(&self, reloc: &FinalizedMachReloc, id: FnId) -> Relocation {
        let target = match &reloc.target {
            FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                Target::Function(FnId(self.context.func.params.user_named_funcs()[*name].index))
            }
            FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => Target::Library(*call),
            FinalizedRelocTarget::ExternalName(other) => unreachable!("emitted code does not name {other:?}"),
            FinalizedRelocTarget::Func(offset) => Target::Within(id, *offset),
        };
        Relocation { offset: reloc.offset, kind: reloc.kind, addend: reloc.addend, target }
    }
}
