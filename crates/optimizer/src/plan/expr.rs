//! Expressions: one arm for each kind.

use super::function::Lower;
use super::region::Reach;
use super::value::{Part, Value, field_types};
use ir::loops::{Bin, Ex, Ty};
use ir::{Expr, ExprKind, Op, Type, VarId, VarKind};

impl Lower<'_, '_> {
    /// A value of this type; dead ends give one that nobody sees.
    pub fn lower_as(&mut self, e: &Expr, ty: &Type) -> Value {
        let value = self.lower(e);
        let parts = self.flat(ty);
        if value.parts.len() == parts.len() {
            return value;
        }
        Value { parts: parts.into_iter().map(|(ty, _)| Part::zero(ty)).collect() }
    }

    pub fn scalar(&mut self, e: &Expr) -> Part {
        let value = self.lower(e);
        let unreached = || e.ty.scalar().map_or(Part::int(Ty::I32, 0), |s| Part::zero(Ty::of(s)));
        value.parts.into_iter().next().unwrap_or_else(unreached)
    }

    /// A counted object, borrowed or among the temporaries.
    pub fn object(&mut self, e: &Expr) -> ir::loops::Local {
        let part = self.lower(e).parts.into_iter().next().unwrap_or(Part::int(Ty::Ptr, 0));
        match part.local() {
            Some(local) => local,
            None => self.bound(part, "").local().expect("bound to a local"),
        }
    }

    pub fn lower(&mut self, e: &Expr) -> Value {
        if self.in_loop()
            && is_big(e)
            && let Some(region) = self.movable(e)
        {
            return self.at(region, |lower| lower.lower_here(e));
        }
        self.lower_here(e)
    }

    /// The region further out that can compute the expression once instead of again and again.
    fn movable(&self, e: &Expr) -> Option<usize> {
        let level = self.free_level(e);
        if level >= self.here() {
            return None;
        }
        let facts = self.shared.facts.of(e, self.kernel);
        if facts.effects {
            return None;
        }
        let region = self.target(level, if facts.traps { Reach::Certain } else { Reach::Total });
        (region < self.here() && !self.reads_prepared(e)).then_some(region)
    }

    /// The innermost region that something the expression reads belongs to.
    fn free_level(&self, e: &Expr) -> usize {
        ir::visit::free_vars(e).into_iter().map(|var| self.level_of(var)).max().unwrap_or(0)
    }

    /// The innermost region that reading a variable belongs to.
    pub fn level_of(&self, var: VarId) -> usize {
        let register = self.registers.get(&var).map(|registers| self.register_level(registers));
        let apart = self.apart.get(&var).map(|apart| apart.level());
        let parts = self.vars.get(&var).into_iter().flat_map(|value| &value.parts);
        let levels = parts.map(|part| {
            let floor = part.local().map_or(0, |local| self.info[local.0 as usize].floor);
            part.level.max(floor)
        });
        levels.chain(register).chain(apart).max().unwrap_or(0)
    }

    fn extent_of(&mut self, tensor: &Expr, axis: usize) -> Part {
        if let ExprKind::Var(var) = tensor.kind {
            if let Some(registers) = self.registers.get(&var) {
                return registers.dims[axis].clone();
            }
            if let Some(apart) = self.apart.get(&var) {
                return Part::index(apart.dims[axis]);
            }
        }
        let tensor = self.object(tensor);
        self.dim(tensor, axis)
    }

    pub fn var(&mut self, var: VarId) -> Value {
        if let Some(value) = self.vars.get(&var) {
            return value.clone();
        }
        self.framed(var).unwrap_or_else(|| unreachable!("{var} is bound before it is read"))
    }

    /// Binds a coordinate to an index.
    pub fn bind_coord(&mut self, var: VarId, index: Part) {
        debug_assert!(matches!(self.program().vars[var.index()].kind, VarKind::Coord | VarKind::Temp));
        let part = if self.program().vars[var.index()].ty == Type::I64 { index } else { narrowed(index) };
        self.vars.insert(var, Value::one(part));
    }

    /// An integer as an `i64`. In cells the arithmetic of indices is done in 64 bits, where it cannot wrap.
    pub fn index(&mut self, e: &Expr) -> Part {
        let signed = !matches!(e.ty.scalar(), Some(ir::Scalar::U8 | ir::Scalar::Bool));
        let wide = matches!(e.ty.scalar(), Some(ir::Scalar::I32 | ir::Scalar::I64));
        match &e.kind {
            ExprKind::Int(value) => Part::index(*value),
            ExprKind::Dim(tensor, axis) => self.extent_of(tensor, *axis),
            ExprKind::Cast(inner) if e.ty == Type::I64 && inner.ty.scalar().is_some_and(|s| s.is_int()) => {
                self.index(inner)
            }
            ExprKind::Op(op, operands) if self.kernel && !self.options().checked && wide => {
                let op = match op {
                    Op::Rem => {
                        return match self.off_circle(operands) {
                            Some(off) => self.index(&operands[0]).bin(Bin::Sub, Part::index(off)),
                            None => self.scalar(e).widened(signed),
                        };
                    }
                    Op::Add => Bin::Add,
                    Op::Sub => Bin::Sub,
                    Op::Mul => Bin::Mul,
                    _ => return self.scalar(e).widened(signed),
                };
                let a = self.index(&operands[0]);
                let b = self.index(&operands[1]);
                a.bin(op, b)
            }
            _ => self.scalar(e).widened(signed),
        }
    }

    fn lower_here(&mut self, e: &Expr) -> Value {
        use ExprKind::*;
        match &e.kind {
            Unit => Value::unit(),
            Bool(value) => Value::one(Part::int(Ty::I8, *value as i64)),
            Int(value) => Value::one(Part::int(Ty::of(e.ty.scalar().expect("an integer")), *value)),
            Float(value) => Value::one(Part::float(Ty::of(e.ty.scalar().expect("a float")), *value)),
            Str(text) => self.text_literal(text, e.span),
            Var(var) => self.var(*var),
            Block(stmts, value) => self.block(stmts, value),
            Op(op, operands) => Value::one(self.op(*op, operands, e)),
            Cast(inner) => Value::one(self.cast(inner, &e.ty)),
            And(a, b) => Value::one(self.and_or(a, b, true)),
            Or(a, b) => Value::one(self.and_or(a, b, false)),
            If(cond, yes, no) => self.branches(cond, yes, no, &e.ty),
            Tuple(items) => self.tuple(items, &e.ty),
            Field(of, field) => self.field(of, *field),
            Variant(variant, fields) => self.variant(*variant, fields, e),
            IsVariant(of, variant) => self.is_variant(of, *variant),
            Payload(of, variant, field) => self.payload(of, *variant, *field),
            Load(load) => self.load(load, &e.ty),
            Dim(tensor, axis) => Value::one(narrowed(self.extent_of(tensor, *axis))),
            Reduce(reduce) => {
                let known = self.contracted_cell(e).or_else(|| self.scattered_cell(e));
                Value::one(known.unwrap_or_else(|| self.reduce(reduce, &e.ty, e.span)))
            }
            Family(family) => self.family(family),
            Literal(shape, items) => self.literal(shape, items, e),
            CheckShape(inner, extents) => self.check_shape(inner, extents, e.span),
            Comprehension(comprehension) => self.comprehension(comprehension, e),
            List(items) => self.list(items, e),
            Item(list, index) => self.item(list, index, e),
            Range(lo, hi) => {
                let lo = self.index(lo);
                let hi = self.index(hi);
                Value { parts: vec![self.atom(lo), self.atom(hi)] }
            }
            Call(func, args) => self.call(*func, args, &e.ty),
            Builtin(builtin, args) => self.builtin(*builtin, args, e),
            Interpolate(pieces) => self.interpolate(pieces, e.span),
            Assert(assert) => self.assert(assert, e.span),
            Try(inner) => self.attempt(inner, e),
            // Both only matter to differentiation, which is over.
            StopGradient(inner) | Checkpoint(inner) => self.lower(inner),
            Quotient(_) | Tangent(..) => unreachable!("differentiation leaves no quotient"),
        }
    }

    fn tuple(&mut self, items: &[Expr], ty: &Type) -> Value {
        let types = field_types(self.program(), ty);
        let parts = items.iter().zip(types).flat_map(|(item, ty)| self.lower_as(item, &ty).parts).collect();
        Value { parts }
    }

    fn field(&mut self, of: &Expr, field: usize) -> Value {
        let value = self.lower_as(of, &of.ty);
        let types = field_types(self.program(), &of.ty);
        let widths: Vec<usize> = types.iter().map(|ty| self.flat(ty).len()).collect();
        value.slice(widths[..field].iter().sum(), widths[field])
    }

    fn check_shape(&mut self, inner: &Expr, extents: &[Option<i64>], span: diagnostics::Span) -> Value {
        let tensor = self.object(inner);
        let bytes = extents.iter().flat_map(|extent| extent.unwrap_or(-1).to_le_bytes()).collect();
        let expected = Ex::Data(self.shared.data(bytes));
        let name = self.name_of(inner);
        let site = self.site("E0905", span, &["", name, ""]);
        let args = vec![Ex::Local(tensor), Ex::Int(Ty::I32, extents.len() as i64), expected];
        Value { parts: self.rt("tensor_check", args, Some(site)).into_iter().collect() }
    }
}

/// An index as the `i32` that coordinates and extents are in programs.
pub fn narrowed(index: Part) -> Part {
    match index.as_int() {
        Some(value) => Part::int(Ty::I32, value),
        None => index.convert(ir::loops::Convert::Trunc(Ty::I32), Ty::I32),
    }
}

/// Worth computing once instead of many times.
pub fn is_big(e: &Expr) -> bool {
    use ExprKind::*;
    match &e.kind {
        Reduce(_) | Family(_) | Literal(..) | Comprehension(_) | Call(..) | List(_) | CheckShape(..) => true,
        Builtin(builtin, _) => !matches!(builtin, ir::Builtin::Panic | ir::Builtin::Print | ir::Builtin::Len),
        _ => false,
    }
}
