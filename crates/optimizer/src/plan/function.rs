//! One function on its way to loops.

use super::apart::Apart;
use super::contraction::Contracted;
use super::interval::Interval;
use super::life::{BlockKey, LastUses};
use super::predicate::CellRead;
use super::region::Region;
use super::register::Registers;
use super::scatter::Scattered;
use super::value::{Part, Value, Weight, flattened};
use super::window::{Window, Windows};
use super::{Options, Shared};
use diagnostics::Span;
use ir::loops::{Ex, Function, LayoutId, Local, SiteId, St, Ty, rt};
use ir::{Expr, FuncId, Program, Scalar, Type, VarId};
use std::collections::HashMap;
use std::rc::Rc;

/// What is known about a local besides its type.
#[derive(Clone, Default)]
pub struct LocalInfo<'p> {
    /// The region that it belongs to.
    pub level: usize,
    /// The extents, if it is a tensor that was made here.
    pub dims: Option<Rc<[Part]>>,
    /// The region whose stores have to be seen by reads of the tensor, while its cells are being computed.
    pub floor: usize,
    /// The extents that are known before the program runs, if it is a tensor that comes from elsewhere.
    pub extents: Option<&'p [Option<i64>]>,
    /// Between which numbers it lies, if it is a whole number that is never set again.
    pub interval: Option<Interval>,
    /// It is never set again.
    pub is_fixed: bool,
    /// If only a window of its steps is stored.
    pub window: Option<Window>,
    /// The region that owns a count of it; arguments and what they alias have no owner here.
    pub owner: Option<usize>,
}

/// A variable that several functions of a long `main` read: its first word in their common frame.
pub type Frame = HashMap<VarId, usize>;

pub struct Lower<'a, 'p> {
    pub shared: &'a mut Shared<'p>,
    pub regions: Vec<Region>,
    pub locals: Vec<Ty>,
    pub names: Vec<String>,
    pub info: Vec<LocalInfo<'p>>,
    pub vars: HashMap<VarId, Value>,
    /// Locals whose count a variable owns.
    pub owned_by: HashMap<Local, VarId>,
    pub last: Rc<LastUses>,
    /// The statement that each open block is at.
    pub current: HashMap<BlockKey, usize>,
    /// In a cell or a reduction: integer arithmetic wraps, and statements may be repeated.
    pub kernel: bool,
    pub scratch: u32,
    /// Sums that were computed for all cells of the clause that is being lowered.
    pub contracted: HashMap<*const Expr, Contracted>,
    /// Reductions whose points were asked for their cells.
    pub scattered: HashMap<*const Expr, Scattered>,
    /// The greatest values of coordinates, where they are constants.
    pub most: HashMap<VarId, i64>,
    pub frame: Option<(Local, Rc<Frame>)>,
    pub windows: Rc<Windows>,
    /// Tensors whose cells are in registers.
    pub apart: HashMap<VarId, Apart>,
    /// Ranges of the coordinates of the loops around, where they are constant.
    pub ranges: HashMap<VarId, (i64, i64)>,
    /// Ranges of the loops around, by their counters.
    pub turns: HashMap<Local, (Part, Part)>,
    /// How many branches are open that may become choices, and the cells that were read in them.
    pub gates: usize,
    pub reads: Vec<CellRead>,
    /// The windows of a recurrence whose steps do not need each other, until its outermost loop.
    pub own_of_steps: Option<Vec<(Local, Vec<St>)>>,
    /// If the turns of the next loop may run on several threads: the tensors that each thread has its own of.
    pub spread: Option<Vec<(Local, Vec<St>)>>,
    /// Families whose steps are in registers.
    pub registers: HashMap<VarId, Registers>,
}

impl<'a, 'p> Lower<'a, 'p> {
    pub fn new(shared: &'a mut Shared<'p>, func: FuncId) -> Self {
        let body = &shared.program.funcs[func.index()].body;
        let last = Rc::new(LastUses::new(body));
        let windows =
            if shared.options.opt_level > 0 { Windows::new(body, !shared.options.checked) } else { Windows::default() };
        Lower { windows: Rc::new(windows), ..Self::with_uses(shared, last) }
    }

    pub fn with_uses(shared: &'a mut Shared<'p>, last: Rc<LastUses>) -> Self {
        Lower {
            shared,
            regions: vec![Region::root()],
            locals: Vec::new(),
            names: Vec::new(),
            info: Vec::new(),
            vars: HashMap::new(),
            owned_by: HashMap::new(),
            last,
            current: HashMap::new(),
            kernel: false,
            scratch: 0,
            contracted: HashMap::new(),
            scattered: HashMap::new(),
            most: HashMap::new(),
            frame: None,
            windows: Rc::default(),
            apart: HashMap::new(),
            ranges: HashMap::new(),
            turns: HashMap::new(),
            gates: 0,
            reads: Vec::new(),
            own_of_steps: None,
            spread: None,
            registers: HashMap::new(),
        }
    }

    pub fn program(&self) -> &'p Program {
        self.shared.program
    }

    pub fn options(&self) -> Options {
        self.shared.options
    }

    /// The whole function.
    pub fn function(mut self, id: FuncId) -> Function {
        let func = &self.program().funcs[id.index()];
        let params: Vec<Value> = func.params.iter().map(|param| self.parameter(*param)).collect();
        let results = self.flat(&func.result).into_iter().map(|(ty, _)| ty).collect();
        let locals = params.iter().flat_map(|value| value.parts.iter().filter_map(Part::local)).collect();
        let mut recursive = self.shared.recursive[id.index()];
        if super::tail::has_tail_call(&func.body, id) {
            recursive = super::tail::has_other_call(&func.body, id) || self.shared.in_cycle[id.index()];
            self.tail_recursive(id, params);
        } else {
            for (param, value) in func.params.iter().zip(params) {
                self.vars.insert(*param, value);
            }
            let value = self.lower_as(&func.body, &func.result);
            self.give_back(value);
        }
        self.finish(func.name.to_string(), locals, results, recursive, func.span)
    }

    fn parameter(&mut self, var: VarId) -> Value {
        let info = &self.program().vars[var.index()];
        let parts = self.flat(&info.ty);
        let parts = parts.into_iter().map(|(ty, _)| self.named(ty, info.name.as_str())).collect::<Vec<_>>();
        if let [tensor] = parts[..] {
            self.note_extents(tensor, var);
        }
        Value { parts: parts.into_iter().map(|local| self.read(local)).collect() }
    }

    /// What is known of the extents of a variable holds for the tensor in a local.
    pub fn note_extents(&mut self, tensor: Local, var: VarId) {
        self.info[tensor.0 as usize].extents = self.program().extents.get(&var).map(|extents| &extents[..]);
    }

    /// Ends the function with a value, whose objects it gives away.
    pub fn give_back(&mut self, value: Value) {
        let results = value.parts.into_iter().map(|part| self.take(part)).collect();
        let results = self.fixed(results);
        self.release_temps(0);
        self.emit(St::Return(results));
    }

    /// Values that stay what they are when objects are released behind them.
    fn fixed(&mut self, values: Vec<Part>) -> Vec<Ex> {
        values.into_iter().map(|part| self.atom(part).ex).collect()
    }

    pub fn finish(
        mut self,
        name: String,
        params: Vec<Local>,
        results: Vec<Ty>,
        recursive: bool,
        span: Span,
    ) -> Function {
        let root = self.regions.pop().expect("the function's own region");
        debug_assert!(self.regions.is_empty());
        Function {
            name,
            params,
            results,
            locals: self.locals,
            names: self.names,
            scratch: self.scratch,
            body: root.stmts,
            recursive,
            span,
        }
    }

    pub fn flat(&self, ty: &Type) -> Vec<(Ty, Option<Scalar>)> {
        flattened(self.program(), ty)
    }

    pub fn layout(&mut self, ty: &Type) -> LayoutId {
        let program = self.program();
        self.shared.layouts.of(program, ty)
    }

    pub fn layout_arg(&mut self, ty: &Type) -> Ex {
        Ex::Int(Ty::I32, self.layout(ty).0 as i64)
    }

    pub fn site(&mut self, code: &'static str, span: Span, names: &[&str]) -> SiteId {
        self.shared.site(code, span, names)
    }

    pub fn temp(&mut self, ty: Ty) -> Local {
        self.named(ty, "")
    }

    /// A new local of the current region.
    pub fn named(&mut self, ty: Ty, name: &str) -> Local {
        self.locals.push(ty);
        self.names.push(name.to_string());
        self.info.push(LocalInfo { level: self.here(), ..LocalInfo::default() });
        Local(self.locals.len() as u32 - 1)
    }

    pub fn read(&self, local: Local) -> Part {
        let ty = self.locals[local.0 as usize];
        Part { ex: Ex::Local(local), ty, level: self.info[local.0 as usize].level, weight: Weight::Free }
    }

    /// The value in a local, unless it is as good as one.
    pub fn atom(&mut self, part: Part) -> Part {
        if part.is_atom() { part } else { self.bound(part, "") }
    }

    /// The value in a new local.
    pub fn bound(&mut self, part: Part, name: &str) -> Part {
        let interval = self.interval(&part.ex);
        let local = self.named(part.ty, name);
        let info = &mut self.info[local.0 as usize];
        (info.interval, info.is_fixed) = (interval, true);
        self.emit(St::Let(local, part.ex));
        self.read(local)
    }

    /// A local that is set again later.
    pub fn variable(&mut self, first: Part, name: &str) -> Local {
        let local = self.named(first.ty, name);
        self.emit(St::Let(local, first.ex));
        local
    }

    pub fn set(&mut self, local: Local, part: Part) {
        self.emit(St::Set(local, part.ex));
    }

    /// Calls a function of the runtime whose result, if any, is a scalar or an owned object.
    pub fn rt(&mut self, name: &'static str, args: Vec<Ex>, site: Option<SiteId>) -> Option<Part> {
        let row = rt::row(name);
        debug_assert_eq!(row.site, site.is_some(), "site of `{name}`");
        let results: Vec<Local> = row.results.iter().map(|ty| self.temp(*ty)).collect();
        self.emit(St::Rt { name, args, results: results.clone(), site });
        let result = *results.first()?;
        if row.results[0] == Ty::Ptr {
            self.own(result);
        }
        Some(self.read(result))
    }

    /// A runtime function that makes an object or fails for want of memory.
    pub fn make(&mut self, name: &'static str, args: Vec<Ex>, span: Span) -> Part {
        let site = rt::row(name).site.then(|| self.site("E0907", span, &[]));
        self.rt(name, args, site).expect("an object")
    }

    /// Ends in an error where the condition holds.
    pub fn fail_if(&mut self, cond: Part, code: &'static str, span: Span, names: &[&str], args: Vec<Part>) {
        if cond.as_int() == Some(0) {
            return;
        }
        let site = self.site(code, span, names);
        let args = args.into_iter().map(|arg| arg.ex).collect();
        self.emit(St::If(cond.ex, vec![St::Fail { site, args }], Vec::new()));
    }

    /// The name of a variable, for messages; of other expressions the empty one.
    pub fn name_of(&self, e: &Expr) -> &'static str {
        match &e.kind {
            ir::ExprKind::Var(var) => self.program().vars[var.index()].name.as_str(),
            _ => "",
        }
    }
}
