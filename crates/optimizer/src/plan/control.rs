//! Blocks, branches, calls, `try` and assertions.

use super::function::Lower;
use super::life::BlockKey;
use super::value::{Part, Value, Weight};
use diagnostics::Span;
use ir::loops::{Bin, Cmp, Ex, Local, St, Turns, Ty, Un};
use ir::{Assert, Expr, FuncId, Stmt, Type, VarId};

impl Lower<'_, '_> {
    pub fn block(&mut self, stmts: &[Stmt], value: &Expr) -> Value {
        let vars = self.stmts(stmts, 0..stmts.len());
        self.current.insert(BlockKey::of(stmts), stmts.len());
        let value = self.lower(value);
        self.end_vars(vars, value)
    }

    /// A run of a block's statements; gives the variables that they bind.
    pub fn stmts(&mut self, stmts: &[Stmt], run: std::ops::Range<usize>) -> Vec<VarId> {
        let block = BlockKey::of(stmts);
        let mut bound = Vec::new();
        for k in run {
            self.current.insert(block, k);
            let mark = self.region().temps.len();
            let span = self.begin_span(&stmts[k]);
            match &stmts[k] {
                Stmt::Let(var, value) if self.windows.unrolled.tensors.contains(var) => self.take_apart(*var, value),
                Stmt::Let(var, value) => {
                    let ty = &self.program().vars[var.index()].ty;
                    let value = self.lower_as(value, ty);
                    self.bind(*var, value, true);
                    bound.push(*var);
                    self.put_in_frame(*var);
                }
                Stmt::Do(value) => {
                    self.lower(value);
                }
                Stmt::Rec(recurrence) => {
                    self.recurrence(recurrence);
                    for (var, _) in &recurrence.families {
                        bound.push(*var);
                        self.put_in_frame(*var);
                    }
                }
            }
            self.release_temps(mark);
            self.release_dead(block, k);
            self.end_span(span);
        }
        bound
    }

    /// `&&` and `||`: the right side is evaluated only where the left one does not decide.
    pub fn and_or(&mut self, a: &Expr, b: &Expr, and: bool) -> Part {
        let a = self.scalar(a);
        if let Some(known) = a.as_int() {
            return if (known != 0) == and { self.scalar(b) } else { Part::int(Ty::I8, known) };
        }
        let (mut stmts, b) = self.branch(|lower| {
            let part = lower.scalar(b);
            // Temporaries of the branch go before the value is used.
            if lower.region().stmts.is_empty() { part } else { lower.atom(part) }
        });
        if stmts.is_empty() && b.weight == Weight::Free {
            return a.bin(if and { Bin::And } else { Bin::Or }, b);
        }
        let result = self.variable(a, "");
        stmts.push(St::Set(result, b.ex));
        let cond = if and { self.read(result) } else { self.read(result).un(Un::Not) };
        self.emit(St::If(cond.ex, stmts, Vec::new()));
        self.read(result)
    }

    pub fn branches(&mut self, cond: &Expr, yes: &Expr, no: &Expr, ty: &Type) -> Value {
        let cond = self.scalar(cond);
        if let Some(known) = cond.as_int() {
            return self.lower_as(if known != 0 { yes } else { no }, ty);
        }
        let single = self.flat(ty).len() == 1 && ty.scalar().is_some();
        let (yes_stmts, yes) = self.open_branch(yes, ty);
        let (no_stmts, no) = self.open_branch(no, ty);
        let plain = |stmts: &[St], value: &Value| {
            stmts.is_empty() && value.parts.iter().all(|part| part.weight == Weight::Free)
        };
        if single && plain(&yes_stmts.stmts, &yes) && plain(&no_stmts.stmts, &no) {
            let [yes, no] = [yes, no].map(|value| value.parts.into_iter().next().expect("one part"));
            return Value::one(cond.select(yes, no));
        }
        let results = self.result_locals(ty);
        let yes = self.close_branch(yes_stmts, yes, &results);
        let no = self.close_branch(no_stmts, no, &results);
        self.emit(St::If(cond.ex, yes, no));
        self.results(&results)
    }

    /// Lowers one side of a branch and leaves its region open, set aside.
    fn open_branch(&mut self, e: &Expr, ty: &Type) -> (super::region::Region, Value) {
        self.enter_branch();
        let value = if e.ty == Type::Never && *ty != Type::Never {
            self.lower(e);
            // Nobody gets here: the results stay as they are.
            Value::unit()
        } else {
            self.lower_as(e, ty)
        };
        (self.regions.pop().expect("the branch"), value)
    }

    fn close_branch(&mut self, region: super::region::Region, value: Value, results: &[Local]) -> Vec<St> {
        self.regions.push(region);
        self.set_results(results, value);
        self.leave_branch()
    }

    pub fn call(&mut self, func: FuncId, args: &[Expr], ty: &Type) -> Value {
        let program = self.program();
        let params = &program.funcs[func.index()].params;
        let mut words = Vec::new();
        for (arg, param) in args.iter().zip(params) {
            let value = self.lower_as(arg, &program.vars[param.index()].ty);
            words.extend(value.parts.into_iter().map(|part| part.ex));
        }
        if self.shared.facts.function(func).effects {
            self.note_effect();
        }
        let result = &program.funcs[func.index()].result;
        let results: Vec<Local> = self.flat(result).into_iter().map(|(ty, _)| self.temp(ty)).collect();
        let func = self.shared.functions[&func];
        self.emit(St::Call { func, args: words, results: results.clone() });
        if *ty == Type::Never {
            return Value::unit();
        }
        self.results(&results)
    }

    /// `try e`: `(ok, value, message)`.
    pub fn attempt(&mut self, inner: &Expr, e: &Expr) -> Value {
        self.note_effect();
        let types = super::value::field_types(self.program(), &e.ty);
        let results: Vec<Vec<Local>> = types.iter().map(|ty| self.result_locals(ty)).collect();
        let message = self.temp(Ty::Ptr);
        let (body, ()) = self.branch(|lower| {
            let value = lower.lower_as(inner, &types[1]);
            let none = lower.text_literal("", e.span);
            lower.set_results(&results[1], value);
            lower.set_results(&results[0], Value::one(Part::int(Ty::I8, 1)));
            lower.set_results(&results[2], none);
        });
        let (handler, ()) = self.branch(|lower| {
            lower.info[message.0 as usize].level = lower.here();
            lower.own(message);
            let value = lower.default_value(&types[1], e.span);
            let text = Value::one(lower.read(message));
            lower.set_results(&results[1], value);
            lower.set_results(&results[0], Value::one(Part::int(Ty::I8, 0)));
            lower.set_results(&results[2], text);
        });
        self.emit(St::Try { body, message, handler });
        self.note_effect();
        self.results(&results.concat())
    }

    pub fn assert(&mut self, assert: &Assert, span: Span) -> Value {
        for (var, value) in &assert.lets {
            let ty = &self.program().vars[var.index()].ty;
            let value = self.lower_as(value, ty);
            let value = self.settled(value);
            self.bind(*var, value, false);
        }
        let holds = match &assert.cond.ty {
            Type::Tensor(..) => self.all_true(&assert.cond),
            _ => self.scalar(&assert.cond),
        };
        let site = self.site("E0901", span, &[]);
        let (stmts, ()) = self.branch(|lower| {
            let null = Ex::Int(Ty::Ptr, 0);
            let message = match &assert.message {
                Some(message) => Ex::Local(lower.object(message)),
                None => null.clone(),
            };
            let [left, right] = match assert.operands {
                Some((left, right)) => [left, right].map(|var| {
                    let ty = lower.program().vars[var.index()].ty.clone();
                    let value = lower.var(var);
                    Ex::Local(lower.text_of(value, &ty, span))
                }),
                None => [null.clone(), null],
            };
            lower.rt("assert_failed", vec![message, left, right], Some(site));
        });
        self.emit(St::If(holds.un(Un::Not).ex, stmts, Vec::new()));
        Value::unit()
    }

    /// Whether all cells of a tensor of bools are true.
    fn all_true(&mut self, cond: &Expr) -> Part {
        let tensor = self.object(cond);
        let cells = self.cell_count(tensor, cond.ty.rank());
        let data = self.data(tensor);
        let all = self.variable(Part::int(Ty::I8, 1), "");
        self.for_loop((Part::index(0), cells), Turns::Free, "", |lower, at| {
            let cell = Part::load(Ty::I8, data, lower.read(at));
            let both = lower.read(all).bin(Bin::And, cell);
            lower.set(all, both);
        });
        self.read(all)
    }

    /// The product of a tensor's extents.
    pub fn cell_count(&mut self, tensor: Local, rank: usize) -> Part {
        let count = (0..rank).fold(Part::index(1), |count, axis| {
            let dim = self.dim(tensor, axis);
            count.bin(Bin::Mul, dim)
        });
        self.atom(count)
    }

    /// What a failed `try` has for a value: zeros, and objects without contents.
    fn default_value(&mut self, ty: &Type, span: Span) -> Value {
        let mut parts = Vec::new();
        match ty {
            Type::Scalar(scalar) => parts.push(Part::zero(Ty::of(*scalar))),
            Type::Range => parts.extend([Part::index(0), Part::index(0)]),
            Type::Unit | Type::Never => {}
            Type::Str => parts = self.text_literal("", span).parts,
            Type::Tensor(elem, rank) => {
                let shape = self.shared.data(vec![0; 8 * rank]);
                let elem = self.layout_arg(elem);
                parts.push(self.make(
                    "tensor_zeroed",
                    vec![elem, Ex::Int(Ty::I32, *rank as i64), Ex::Data(shape)],
                    span,
                ));
            }
            Type::Dyn => {
                let empty = self.default_value(&Type::tensor(Type::F32, 1), span).parts.remove(0);
                parts.push(self.make("dyn_of", vec![empty.ex], span));
            }
            Type::List(item) => {
                let builder = self.new_builder(item, span);
                parts.push(self.end_builder("build_list", builder, Vec::new(), span));
            }
            Type::Tuple(_) | Type::Struct(_) => {
                for field in super::value::field_types(self.program(), ty) {
                    parts.extend(self.default_value(&field, span).parts);
                }
            }
            Type::Enum(id) => {
                let info = &self.program().enums[id.index()];
                let variant = self.smallest_variant(*id);
                let mut words = Vec::new();
                for field in &info.variants[variant].fields {
                    let value = self.default_value(field, span);
                    words.push((value, field.clone()));
                }
                parts.push(self.new_enum(*id, variant, words, span));
            }
        }
        Value { parts }
    }

    /// The first variant with as few enums inside as can be, so that a recursive type's default ends.
    fn smallest_variant(&self, id: ir::EnumId) -> usize {
        let variants = &self.program().enums[id.index()].variants;
        let enums = |ty: &Type| matches!(ty, Type::Enum(_) | Type::Tuple(_) | Type::Struct(_)) as usize;
        let weight = |k: &usize| variants[*k].fields.iter().map(enums).sum::<usize>();
        (0..variants.len()).min_by_key(weight).unwrap_or(0)
    }

    /// `lo <= x && x < hi` of indices.
    pub fn within(&self, x: Part, lo: Part, hi: Part) -> Part {
        let above = lo.cmp(Cmp::SLe, x.clone());
        above.bin(Bin::And, x.cmp(Cmp::SLt, hi))
    }
}
