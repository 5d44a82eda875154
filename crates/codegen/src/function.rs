//! One function from statements to Cranelift's blocks.

use crate::environment::{Environment, PTR, machine};
use crate::ownership::{ErrorExits, Owned};
use crate::storage::{Place, places};
use crate::target::Effort;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self as clif, AbiParam, AliasRegion, AliasRegionData, Block, ExtFuncData, ExternalName, FuncRef, InstBuilder,
    MemFlagsData, SigRef, Signature, StackSlot, StackSlotData, StackSlotKind, Type, UserExternalName, Value,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use ir::loops::{FnId, Function, SiteId};
use runtime::{FAILED, FINE, STACK_LIMIT_OFFSET};
use std::collections::HashMap;

pub struct Emitter<'a, 'b> {
    pub builder: FunctionBuilder<'b>,
    pub environment: &'a Environment<'a>,
    pub function: &'a Function,
    pub places: Vec<Place>,
    pub context: Value,
    /// Where `Break` goes, innermost last.
    pub loop_exits: Vec<Block>,
    /// Where errors go: the function's own exit, then that of each `Try` around the current place.
    pub error_exits: Vec<ErrorExits>,
    pub owned: Vec<Owned>,
    pub is_entry: bool,
    effort: Effort,
    /// Places of the owned objects, for the way out of an error.
    pub owned_slot: GrowingSlot,
    /// The function's own raw memory.
    pub scratch: StackSlot,
    /// Words that go to the runtime or come from it.
    pub exchange: GrowingSlot,
    pub memory: Memory,
    /// By address of the function of the runtime.
    signatures: HashMap<i64, SigRef>,
    callees: HashMap<FnId, FuncRef>,
}

/// Kinds of memory that no store reaches from another one.
pub struct Memory {
    pub elements: MemFlagsData,
    /// The same elements, several at a time: on no boundary of theirs.
    pub vectors: MemFlagsData,
    /// Data pointers and extents of tensors, which do not change.
    pub heads: MemFlagsData,
    pub counts: MemFlagsData,
}

/// A stack slot whose size is known when the function is.
pub struct GrowingSlot {
    slot: StackSlot,
    words: u32,
}

impl GrowingSlot {
    fn new(builder: &mut FunctionBuilder) -> GrowingSlot {
        let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 0, 3));
        GrowingSlot { slot, words: 0 }
    }

    /// The slot, with room for this many words.
    pub fn with(&mut self, words: usize) -> StackSlot {
        self.words = self.words.max(words as u32);
        self.slot
    }
}

pub const WORD: i32 = 8;

/// Fills `target` with the function's code.
pub fn emit(
    environment: &Environment,
    id: FnId,
    target: &mut clif::Function,
    builder_context: &mut FunctionBuilderContext,
) {
    let function = &environment.functions[id.0 as usize];
    target.name = clif::UserFuncName::user(0, id.0);
    target.signature = environment.signature(id);
    let elements = region(target, 0, "elements");
    let memory = Memory {
        elements,
        vectors: MemFlagsData::new().with_notrap().with_alias_region(elements.alias_region()),
        heads: region(target, 1, "tensor heads").with_readonly(),
        counts: region(target, 2, "counts"),
    };
    let mut builder = FunctionBuilder::new(target, builder_context);
    let start = builder.create_block();
    builder.append_block_params_for_function_params(start);
    builder.switch_to_block(start);
    builder.seal_block(start);
    let context = builder.block_params(start)[0];
    let places = places(function, &mut builder);
    let owned_slot = GrowingSlot::new(&mut builder);
    let exchange = GrowingSlot::new(&mut builder);
    let scratch = StackSlotData::new(StackSlotKind::ExplicitSlot, function.scratch, 3);
    let scratch = builder.create_sized_stack_slot(scratch);
    let mut emitter = Emitter {
        builder,
        environment,
        function,
        places,
        context,
        loop_exits: Vec::new(),
        error_exits: vec![ErrorExits::new(0)],
        owned: Vec::new(),
        is_entry: environment.entry == Some(id),
        effort: environment.effort(id),
        owned_slot,
        scratch,
        exchange,
        memory,
        signatures: HashMap::new(),
        callees: HashMap::new(),
    };
    for (place, param) in function.params.iter().enumerate() {
        let value = emitter.builder.block_params(start)[place + 1];
        emitter.define(*param, value);
    }
    if function.recursive {
        emitter.check_stack(environment.depth_site(id));
    }
    if emitter.block(&function.body) {
        emitter.return_values(FINE, &[]);
    }
    emitter.emit_failure_exit();
    emitter.finish();
}

fn region(target: &mut clif::Function, user_id: u32, description: &'static str) -> MemFlagsData {
    let region: AliasRegion =
        target.dfg.alias_regions.insert(AliasRegionData { user_id, description: description.into() });
    MemFlagsData::trusted().with_alias_region(Some(region))
}

impl Emitter<'_, '_> {
    fn check_stack(&mut self, site: SiteId) {
        let pointer = self.builder.ins().get_stack_pointer(PTR);
        let limit = self.builder.ins().load(PTR, MemFlagsData::trusted(), self.context, STACK_LIMIT_OFFSET);
        let is_deep = self.builder.ins().icmp(IntCC::UnsignedLessThan, pointer, limit);
        let (deep, fine) = (self.builder.create_block(), self.builder.create_block());
        self.cold(deep);
        self.builder.ins().brif(is_deep, deep, &[], fine, &[]);
        self.builder.switch_to_block(deep);
        self.fail(site, &[]);
        self.builder.switch_to_block(fine);
    }

    /// Fast register allocation holds whatever a block uses through all blocks that are laid out before it: in functions
    /// with many branches the order of blocks decides how long that takes.
    pub fn is_fast(&self) -> bool {
        self.effort == Effort::Low
    }

    /// Puts a block out of the way.
    pub fn cold(&mut self, block: Block) {
        if !self.is_fast() {
            self.builder.set_cold_block(block);
        }
    }

    /// Leaves the function when an error reaches its end.
    fn emit_failure_exit(&mut self) {
        if let Some(block) = self.emit_exits(0) {
            self.builder.switch_to_block(block);
            let zeros: Vec<Value> = self.function.results.iter().map(|ty| self.zero(machine(*ty))).collect();
            self.return_values(FAILED, &zeros);
        }
    }

    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            clif::types::F32 => self.builder.ins().f32const(0.0),
            clif::types::F64 => self.builder.ins().f64const(0.0),
            _ => self.builder.ins().iconst(ty, 0),
        }
    }

    pub fn return_values(&mut self, status: i32, results: &[Value]) {
        let status = self.builder.ins().iconst(clif::types::I32, i64::from(status));
        let all: Vec<Value> = std::iter::once(status).chain(results.iter().copied()).collect();
        self.builder.ins().return_(&all);
    }

    fn finish(mut self) {
        for slot in [&self.owned_slot, &self.exchange] {
            self.builder.func.sized_stack_slots[slot.slot].size = slot.words * WORD as u32;
        }
        self.builder.seal_all_blocks();
        let frontend = self.environment.targets.get(Effort::High).frontend_config();
        self.builder.finalize(frontend);
    }

    pub fn callee(&mut self, id: FnId) -> FuncRef {
        if let Some(known) = self.callees.get(&id) {
            return *known;
        }
        let signature = self.builder.import_signature(self.environment.signature(id));
        let name = self.builder.func.declare_imported_user_function(UserExternalName::new(0, id.0));
        let data = ExtFuncData { name: ExternalName::user(name), signature, colocated: true, patchable: false };
        let callee = self.builder.import_function(data);
        self.callees.insert(id, callee);
        callee
    }

    /// Calls a row of the runtime with everything it takes; gives the values that it returns.
    pub fn call_row(&mut self, name: &str, arguments: &[Value]) -> Vec<Value> {
        let environment = self.environment;
        let function = environment.runtime(name);
        let builder = &mut self.builder;
        let signature = *self
            .signatures
            .entry(function.address)
            .or_insert_with(|| builder.import_signature(environment.row_signature(function.row)));
        let address = self.builder.ins().iconst(PTR, function.address);
        let call = self.builder.ins().call_indirect(signature, address, arguments);
        self.builder.inst_results(call).to_vec()
    }

    /// Calls what has no row of its own.
    pub fn call_entry(&mut self, address: *const (), arguments: &[Value], result: Option<Type>) -> Option<Value> {
        let address = address as i64;
        let conv = self.environment.call_conv();
        let builder = &mut self.builder;
        let signature = *self.signatures.entry(address).or_insert_with(|| {
            let mut signature = Signature::new(conv);
            let types = arguments.iter().map(|argument| builder.func.dfg.value_type(*argument));
            signature.params.extend(types.map(AbiParam::new));
            signature.returns.extend(result.map(AbiParam::new));
            builder.import_signature(signature)
        });
        let address = self.builder.ins().iconst(PTR, address);
        let call = self.builder.ins().call_indirect(signature, address, arguments);
        self.builder.inst_results(call).first().copied()
    }
}
