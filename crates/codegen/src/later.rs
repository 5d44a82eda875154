//! Functions that are seldom called are compiled when they are: until then a call finds a few instructions that ask for
//! their code.

use crate::Options;
use crate::environment::{Environment, PTR};
use crate::linker::{Code, link};
use crate::target::Effort;
use crate::workers::compile_functions;
use cranelift_codegen::ir::{self as clif, AbiParam, InstBuilder, Signature, Value, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use ir::loops::{FnId, Module};
use std::collections::HashMap;
use std::sync::Mutex;

/// What is left to compile of a module, at an address of its own.
pub struct Later {
    module: Module,
    options: Options,
    done: Mutex<HashMap<FnId, Code>>,
}

impl Later {
    /// Nothing, if a module has no such functions.
    pub fn new(module: &Module, options: &Options) -> Option<Box<Later>> {
        let options = Options { keep_text: false, ..*options };
        let later = || Later { module: module.clone(), options, done: Mutex::default() };
        (!module.seldom.is_empty()).then(|| Box::new(later()))
    }

    /// The address of a function's code, which lives as long as this does.
    fn code(&self, id: FnId) -> Result<*const u8, String> {
        let mut done = self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(code) = done.get(&id) {
            return Ok(code.address(id));
        }
        // What it calls seldom itself asks this again.
        let environment = Environment::new(&self.module, &self.options, Some(self))?;
        let wanted = reached(&self.module, &[id]);
        let code = link(&environment, &compile_functions(&environment, &wanted, Some(id))?)?;
        let address = code.address(id);
        done.insert(id, code);
        Ok(address)
    }
}

extern "C" fn code_of(later: *const Later, number: u32) -> *const u8 {
    // SAFETY: emitted code holds the address of what its module keeps.
    let later = unsafe { &*later };
    match later.code(FnId(number)) {
        Ok(code) => code,
        Err(defect) => {
            eprintln!("einc: this is a defect of einc, not of your program\n  {defect}");
            std::process::exit(101)
        }
    }
}

/// The functions that calls lead to, without going on behind one that is seldom called.
pub fn reached(module: &Module, roots: &[FnId]) -> Vec<FnId> {
    let mut seen = vec![false; module.functions.len()];
    let mut open: Vec<FnId> = roots.to_vec();
    while let Some(id) = open.pop() {
        let is_new = !std::mem::replace(&mut seen[id.0 as usize], true);
        if is_new && (roots.contains(&id) || !module.seldom.contains(&id)) {
            open.extend(module.functions[id.0 as usize].callees());
        }
    }
    (0..seen.len() as u32).filter(|id| seen[*id as usize]).map(FnId).collect()
}

/// Calls the function's code with the arguments of this call.
pub fn emit_call_of_later(
    environment: &Environment,
    later: i64,
    id: FnId,
    target: &mut clif::Function,
    builder_context: &mut FunctionBuilderContext,
) {
    target.name = clif::UserFuncName::user(0, id.0);
    target.signature = environment.signature(id);
    let mut builder = FunctionBuilder::new(target, builder_context);
    let start = builder.create_block();
    builder.append_block_params_for_function_params(start);
    builder.switch_to_block(start);
    let mut ask = Signature::new(environment.call_conv());
    ask.params.extend([AbiParam::new(PTR), AbiParam::new(types::I32)]);
    ask.returns.push(AbiParam::new(PTR));
    let ask = builder.import_signature(ask);
    let asked = builder.ins().iconst(PTR, code_of as *const () as i64);
    let of = builder.ins().iconst(PTR, later);
    let number = builder.ins().iconst(types::I32, i64::from(id.0));
    let call = builder.ins().call_indirect(ask, asked, &[of, number]);
    let code = builder.inst_results(call)[0];
    let own = builder.import_signature(environment.signature(id));
    let arguments: Vec<Value> = builder.block_params(start).to_vec();
    let call = builder.ins().call_indirect(own, code, &arguments);
    let results: Vec<Value> = builder.inst_results(call).to_vec();
    builder.ins().return_(&results);
    builder.seal_all_blocks();
    builder.finalize(environment.targets.get(Effort::High).frontend_config());
}
