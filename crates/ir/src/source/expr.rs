//! Expressions.

use super::literal::{self, Suffix};
use super::ranges::Places;
use super::{Source, family};
use crate::expr::*;
use crate::ops::{Domain, Op};
use crate::types::*;

/// How tightly a place binds, loosest first.
pub(super) mod level {
    pub const ANY: u8 = 0;
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const EQUALITY: u8 = 3;
    pub const COMPARISON: u8 = 4;
    pub const RANGE: u8 = 5;
    pub const SUM: u8 = 6;
    pub const PRODUCT: u8 = 7;
    pub const UNARY: u8 = 8;
    pub const CAST: u8 = 9;
    pub const POSTFIX: u8 = 10;
}

impl Source<'_> {
    /// An expression at a place. Where the place settles a number's type, literals have no suffix.
    pub(super) fn expr(&mut self, e: &Expr, place: u8, settled: bool) -> String {
        let (text, own) = self.leveled(e, settled);
        if own < place { format!("({text})") } else { text }
    }

    fn any(&mut self, e: &Expr) -> String {
        self.expr(e, level::ANY, false)
    }

    pub(super) fn list<'e>(&mut self, items: impl IntoIterator<Item = &'e Expr>) -> String {
        let items: Vec<String> = items.into_iter().map(|item| self.any(item)).collect();
        items.join(", ")
    }

    fn leveled(&mut self, e: &Expr, settled: bool) -> (String, u8) {
        use ExprKind::*;
        let scalar = e.ty.scalar().unwrap_or(Scalar::I32);
        match &e.kind {
            Unit => ("()".to_owned(), level::POSTFIX),
            Bool(value) => (value.to_string(), level::POSTFIX),
            Int(value) => (
                literal::int(*value, scalar, self.said(settled)),
                if *value < 0 { level::UNARY } else { level::POSTFIX },
            ),
            Float(value) => {
                let signed = value.is_sign_negative() && value.is_finite();
                (literal::float(*value, scalar, self.said(settled)), if signed { level::UNARY } else { level::POSTFIX })
            }
            Str(text) => (format!("\"{}\"", literal::escaped(text)), level::POSTFIX),
            Var(var) => (self.name(*var), level::POSTFIX),
            Block(..) => (self.block(e, settled), level::ANY),
            Op(op, items) => self.operation(*op, items, settled),
            Cast(inner) => {
                // A literal that is cast has no other place to take its type from.
                let outer = std::mem::replace(&mut self.explicit, is_open(inner));
                let inner = self.expr(inner, level::CAST, false);
                self.explicit = outer;
                (format!("{inner} as {}", scalar.name()), level::CAST)
            }
            And(a, b) if membership(a, b).is_some() => {
                let (item, range) = membership(a, b).expect("just seen");
                let (item, range) = (self.expr(item, level::SUM, false), self.expr(range, level::SUM, false));
                (format!("{item} in {range}"), level::COMPARISON)
            }
            And(a, b) => self.infix("&&", a, b, (level::AND, level::AND, level::EQUALITY)),
            Or(a, b) => self.infix("||", a, b, (level::OR, level::OR, level::AND)),
            If(..) => (self.choice(e, settled), level::ANY),
            Tuple(items) => (self.tuple(&e.ty, items), level::POSTFIX),
            Field(of, k) => {
                let field = self.field_name(of, *k);
                (format!("{}.{field}", self.expr(of, level::POSTFIX, false)), level::POSTFIX)
            }
            Variant(k, items) => (self.variant(&e.ty, *k, items), level::POSTFIX),
            IsVariant(of, k) => {
                let pattern = self.pattern(&of.ty, *k, &[]);
                let rest = if self.variants(&of.ty) > 1 { ", _ => false" } else { "" };
                (format!("match {} {{ {pattern} => true{rest} }}", self.any(of)), level::ANY)
            }
            Payload(of, variant, field) => self.payload(of, *variant, *field),
            Load(load) => (self.load(load), level::POSTFIX),
            Dim(of, k) => {
                let rank = of.ty.rank();
                let of = self.any(of);
                (if rank == 1 { format!("len({of})") } else { format!("shape({of})[{k}]") }, level::POSTFIX)
            }
            Reduce(reduce) => (self.reduce(reduce, settled), level::POSTFIX),
            Family(family) => self.anonymous(family),
            Literal(shape, items) => self.array(e, shape, items, settled),
            CheckShape(of, dims) => {
                let ty = self.checked_type(&e.ty, dims);
                let of = match &of.kind {
                    Builtin(ir_builtin, items) if *ir_builtin == crate::Builtin::Settle => &items[0],
                    _ => of,
                };
                (format!("{} as {ty}", self.expr(of, level::CAST, false)), level::CAST)
            }
            Comprehension(comprehension) => (self.comprehension(comprehension), level::POSTFIX),
            List(items) => (format!("[{}]", self.list(items)), level::POSTFIX),
            Item(list, index) => {
                let list = self.expr(list, level::POSTFIX, false);
                (format!("{list}[{}]", self.narrow(index, level::ANY)), level::POSTFIX)
            }
            Range(lo, hi) => {
                let (lo, hi) = (self.narrow(lo, level::SUM), self.narrow(hi, level::SUM));
                (format!("{lo}..{hi}"), level::RANGE)
            }
            Call(func, items) => (format!("{}({})", self.func_name(*func), self.list(items)), level::POSTFIX),
            Builtin(builtin, items) => self.builtin(*builtin, items, &e.ty),
            Interpolate(pieces) => (self.interpolation(pieces), level::POSTFIX),
            Assert(assert) => (self.assertion(assert), level::POSTFIX),
            Try(of) => (format!("try {}", self.lazily(|s| s.expr(of, level::OR, false))), level::ANY),
            Quotient(quotient) => {
                let y = self.expr(&quotient.y, level::POSTFIX, false);
                let mut x = self.name(quotient.x);
                if !quotient.x_cell.is_empty() {
                    let cell: Vec<String> = quotient.x_cell.iter().map(|i| self.narrow(i, level::ANY)).collect();
                    x = format!("{x}[{}]", cell.join(", "));
                }
                (format!("@{y} / @{x}"), level::PRODUCT)
            }
            Tangent(of, _) => (format!("@{}", self.expr(of, level::POSTFIX, false)), level::UNARY),
            StopGradient(of) => (format!("stop_gradient({})", self.any(of)), level::POSTFIX),
            // Only a backward pass would tell the difference.
            Checkpoint(of) => self.leveled(of, settled),
        }
    }

    fn said(&self, settled: bool) -> Suffix {
        match (self.explicit, settled) {
            (true, _) => Suffix::Always,
            (false, true) => Suffix::Never,
            (false, false) => Suffix::Own,
        }
    }

    fn infix(&mut self, op: &str, a: &Expr, b: &Expr, (own, left, right): (u8, u8, u8)) -> (String, u8) {
        let a = self.expr(a, left, false);
        let b = self.lazily(|s| s.expr(b, right, false));
        (format!("{a} {op} {b}"), own)
    }

    fn operation(&mut self, op: Op, items: &[Expr], settled: bool) -> (String, u8) {
        let compares = matches!(op.row().domain, Domain::Compare);
        let open: Vec<bool> = items.iter().map(is_open).collect();
        let settles = |k: usize| (settled && !compares) || open.iter().enumerate().any(|(j, open)| j != k && !open);
        let settled: Vec<bool> = match op.row().domain {
            // The exponent's type is its own affair.
            Domain::FloatInt => vec![settled, false],
            _ if op == Op::Pow => vec![settled, items[0].ty.scalar().is_some_and(Scalar::is_float) && !open[0]],
            _ => (0..items.len()).map(settles).collect(),
        };
        let (own, left, right) = match op {
            Op::Neg | Op::Not => {
                let sign = if op == Op::Neg { "-" } else { "!" };
                let product = matches!(items[0].kind, ExprKind::Op(Op::Mul | Op::Div, _));
                if op == Op::Neg && product {
                    // The sign goes to the first factor.
                    return (format!("-{}", self.expr(&items[0], level::PRODUCT, settled[0])), level::PRODUCT);
                }
                return (format!("{sign}{}", self.expr(&items[0], level::UNARY, settled[0])), level::UNARY);
            }
            Op::Add => (level::SUM, level::SUM, level::PRODUCT),
            Op::Sub => (level::SUM, level::SUM, level::PRODUCT),
            Op::Mul | Op::Div | Op::Rem => (level::PRODUCT, level::PRODUCT, level::UNARY),
            Op::Pow | Op::PowI => (level::UNARY, level::CAST, level::UNARY),
            Op::Eq | Op::Ne => (level::EQUALITY, level::RANGE, level::RANGE),
            Op::Lt | Op::Le | Op::Gt | Op::Ge => (level::COMPARISON, level::SUM, level::SUM),
            _ => {
                let name = self.operation_name(op);
                let items: Vec<String> =
                    items.iter().zip(settled).map(|(e, settled)| self.expr(e, level::ANY, settled)).collect();
                return (format!("{name}({})", items.join(", ")), level::POSTFIX);
            }
        };
        let sign = if op == Op::PowI { "**" } else { op.name() };
        let a = self.expr(&items[0], left, settled[0]);
        let b = self.expr(&items[1], right, settled[1]);
        (format!("{a} {sign} {b}"), own)
    }

    /// An index or an end of a range, whose integer type goes without saying.
    pub(super) fn narrow(&mut self, e: &Expr, place: u8) -> String {
        if !is_narrow(e) {
            return self.expr(e, place, true);
        }
        match &e.kind {
            ExprKind::Cast(inner) => self.narrow(inner, place),
            ExprKind::Op(op @ (Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem), items) => {
                let own = if matches!(op, Op::Add | Op::Sub) { level::SUM } else { level::PRODUCT };
                let text = format!("{} {} {}", self.narrow(&items[0], own), op.name(), self.narrow(&items[1], own + 1));
                if own < place { format!("({text})") } else { text }
            }
            ExprKind::Op(op @ (Op::Min | Op::Max), items) => {
                let name = self.operation_name(*op);
                format!("{name}({}, {})", self.narrow(&items[0], level::ANY), self.narrow(&items[1], level::ANY))
            }
            _ => self.expr(e, place, true),
        }
    }

    pub(super) fn load(&mut self, load: &Load) -> String {
        let tensor = match &load.tensor.kind {
            ExprKind::Quotient(_) => format!("({})", self.any(&load.tensor)),
            _ => self.expr(&load.tensor, level::POSTFIX, false),
        };
        let index: Vec<String> = load.index.iter().map(|index| self.narrow(index, level::ANY)).collect();
        format!("{tensor}[{}]", index.join(", "))
    }

    fn reduce(&mut self, reduce: &Reduce, settled: bool) -> String {
        self.lazily(|s| {
            let mut places = Places::default();
            s.extents.places(&reduce.body, &s.own, &mut places);
            for item in &reduce.wheres {
                let (WhereItem::Def(_, e) | WhereItem::Guard(e)) = item;
                s.extents.places(e, &s.own, &mut places);
            }
            let binders: Vec<String> = reduce.binders.iter().map(|b| s.binder(b, &places)).collect();
            let keeps = !matches!(reduce.op, ReduceOp::ArgMax | ReduceOp::ArgMin);
            let body = s.expr(&reduce.body, level::ANY, settled && keeps);
            let wheres = s.wheres(&reduce.wheres);
            format!("{}[{}]({body}{wheres})", reduce.op.name(), binders.join(", "))
        })
    }

    /// ` where …`, or nothing.
    pub(super) fn wheres(&mut self, items: &[WhereItem]) -> String {
        let items: Vec<String> = items
            .iter()
            .map(|item| match item {
                WhereItem::Def(var, e) => format!("{} = {}", self.name(*var), self.any(e)),
                WhereItem::Guard(e) => self.any(e),
            })
            .collect();
        if items.is_empty() { String::new() } else { format!(" where {}", items.join(", ")) }
    }

    fn tuple(&mut self, ty: &Type, items: &[Expr]) -> String {
        match ty {
            Type::Struct(id) => {
                let fields = self.program.structs[id.index()].fields.clone();
                let fields: Vec<String> =
                    fields.iter().zip(items).map(|((name, _), e)| format!("{name}: {}", self.any(e))).collect();
                format!("{} {{ {} }}", self.names.structs[id.index()], fields.join(", "))
            }
            _ if items.len() == 1 => format!("({},)", self.any(&items[0])),
            _ => format!("({})", self.list(items)),
        }
    }

    fn field_name(&self, of: &Expr, k: usize) -> String {
        let attempt = match &of.kind {
            ExprKind::Try(_) => true,
            ExprKind::Var(var) => self.attempts.contains(var),
            _ => false,
        };
        match &of.ty {
            Type::Struct(id) => self.program.structs[id.index()].fields[k].0.to_string(),
            _ if attempt => ["ok", "value", "message"][k.min(2)].to_owned(),
            _ => k.to_string(),
        }
    }

    fn array(&mut self, e: &Expr, shape: &[usize], items: &[Expr], settled: bool) -> (String, u8) {
        if items.is_empty() {
            return (self.empty(e, shape), level::ANY);
        }
        let settled = settled || items.iter().any(|item| !is_open(item));
        let items: Vec<String> = items.iter().map(|item| self.expr(item, level::ANY, settled)).collect();
        (nested(shape, &items), level::POSTFIX)
    }

    /// A tensor without cells has only its type.
    fn empty(&mut self, e: &Expr, shape: &[usize]) -> String {
        let name = self.fresh();
        let slots: Vec<String> = shape.iter().enumerate().map(|(k, n)| format!("{name}_{k} in 0..{n}")).collect();
        let zero = match e.ty.elem() {
            Type::Scalar(Scalar::Bool) => "false".to_owned(),
            Type::Scalar(s) if s.is_float() => literal::float(0.0, *s, Suffix::Own),
            Type::Scalar(s) => literal::int(0, *s, Suffix::Own),
            _ => "\"\"".to_owned(),
        };
        format!("{{ let {name}[{}] = {zero}; {name} }}", slots.join(", "))
    }

    /// A family without a name gets one; a view of a tensor needs none.
    fn anonymous(&mut self, family: &Family) -> (String, u8) {
        if let Some(view) = self.view(family) {
            return (view, level::POSTFIX);
        }
        if family.axes.is_empty()
            && let [Clause { wheres, body, otherwise: None, .. }] = &family.clauses[..]
            && wheres.is_empty()
        {
            return self.leveled(body, false);
        }
        let name = self.fresh();
        if family.axes.is_empty() {
            let text = self.lazily(|s| s.only_cell(&name, family));
            return (text, level::ANY);
        }
        if self.front.is_some() {
            let lines = self.clauses(&name, &[], family);
            self.front.get_or_insert_default().extend(lines);
            return (name, level::POSTFIX);
        }
        self.indent += 1;
        let lines = self.clauses(&name, &[], family);
        self.indent -= 1;
        let lines: Vec<String> = lines.into_iter().chain([name]).collect();
        (self.braces(&lines), level::ANY)
    }

    /// A row, or another part that leading indices pick.
    fn view(&mut self, family: &Family) -> Option<String> {
        if !family::is_view(family) {
            return None;
        }
        let ExprKind::Load(load) = &family.clauses[0].body.kind else { return None };
        let given = load.index.len() - family.axes.len();
        let whole =
            family.axes.iter().enumerate().all(|(k, axis)| self.extents.is_axis(&axis.extent, &load.tensor, given + k));
        if !whole {
            return None;
        }
        let tensor = self.expr(&load.tensor, level::POSTFIX, false);
        let index: Vec<String> = load.index[..given].iter().map(|index| self.narrow(index, level::ANY)).collect();
        Some(format!("{tensor}[{}]", index.join(", ")))
    }

    fn comprehension(&mut self, comprehension: &Comprehension) -> String {
        self.lazily(|s| {
            let clauses: Vec<String> = comprehension
                .clauses
                .iter()
                .map(|clause| match clause {
                    CompClause::For(var, e) => format!("{} in {}", s.name(*var), s.expr(e, level::RANGE, false)),
                    CompClause::Let(var, e) => format!("{} = {}", s.name(*var), s.expr(e, level::OR, false)),
                    CompClause::If(e) => s.expr(e, level::OR, false),
                })
                .collect();
            let body = s.expr(&comprehension.body, level::OR, false);
            format!("[{body} | {}]", clauses.join(", "))
        })
    }

    fn interpolation(&mut self, pieces: &[Piece]) -> String {
        let mut text = String::from("\"");
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(&literal::escaped(piece)),
                Piece::Value(e, format) => {
                    let value = self.any(e);
                    let format = format.as_ref().map(format_text).unwrap_or_default();
                    text.push_str(&format!("{{{value}{format}}}"));
                }
            }
        }
        text + "\""
    }

    fn assertion(&mut self, assert: &Assert) -> String {
        let mut cond = assert.cond.clone();
        for (var, value) in assert.lets.iter().rev() {
            put(&mut cond, *var, value);
        }
        let cond = self.any(&cond);
        match &assert.message {
            Some(message) => format!("assert({cond}, {})", self.lazily(|s| s.any(message))),
            None => format!("assert({cond})"),
        }
    }

    fn builtin(&mut self, builtin: Builtin, items: &[Expr], ty: &Type) -> (String, u8) {
        use Builtin::*;
        let call = |name: &str, items: String| (format!("{name}({items})"), level::POSTFIX);
        match builtin {
            Print => call("print", self.list(items)),
            Panic => call("panic", self.list(items)),
            ToStr => (format!("\"{{{}}}\"", self.any(&items[0])), level::POSTFIX),
            Concat => {
                let (a, b) = (self.expr(&items[0], level::SUM, false), self.expr(&items[1], level::PRODUCT, false));
                (format!("{a} + {b}"), level::SUM)
            }
            Len => call("len", self.list(items)),
            Equal if items[0].ty.rank() > 0 => {
                // Tensors compare cell by cell, tuples as a whole.
                let (a, b) = (self.any(&items[0]), self.any(&items[1]));
                (format!("({a},) == ({b},)"), level::EQUALITY)
            }
            Equal => {
                let (a, b) = (self.expr(&items[0], level::RANGE, false), self.expr(&items[1], level::RANGE, false));
                (format!("{a} == {b}"), level::EQUALITY)
            }
            Contains => {
                let (a, b) = (self.expr(&items[0], level::SUM, false), self.expr(&items[1], level::SUM, false));
                (format!("{a} in {b}"), level::COMPARISON)
            }
            StrLess => {
                let (a, b) = (self.expr(&items[0], level::SUM, false), self.expr(&items[1], level::SUM, false));
                (format!("{a} < {b}"), level::COMPARISON)
            }
            Rows => {
                // Items that are a list in a comprehension stay one.
                let (row, of) = (self.fresh(), self.any(&items[0]));
                (format!("[{row} | {row} in {of}]"), level::POSTFIX)
            }
            Append => call("array_append", self.list(items)),
            ListSlice => {
                let (lo, hi) = (self.narrow(&items[0], level::SUM), self.narrow(&items[1], level::SUM));
                (format!("{}[{lo}..{hi}]", self.expr(&items[2], level::POSTFIX, false)), level::POSTFIX)
            }
            LoadNpy => call(&self.library("io", "load_npy"), self.list(items)),
            SaveNpy => call(&self.library("io", "save_npy"), self.list(items)),
            ReadText => call(&self.library("io", "read_text"), self.list(items)),
            WriteText => call(&self.library("io", "write_text"), self.list(items)),
            File(op) if op.is_cast() => {
                let ty = self.ty(ty).unwrap_or_default();
                (format!("{} as {ty}", self.expr(&items[0], level::CAST, false)), level::CAST)
            }
            File(op) => call(&self.library("io", op.row().name), self.list(items)),
            Settle => {
                let ty = self.ty(ty).unwrap_or_default();
                (format!("{} as {ty}", self.expr(&items[0], level::CAST, false)), level::CAST)
            }
            DynRank => call("rank", self.list(items)),
            DynShape => call("shape", self.list(items)),
            // Inference asks for the same again, and slices are written as indices.
            SameExtent | SliceBounds => ("()".to_owned(), level::POSTFIX),
            ArgSort => call(&self.library("array", "argsort"), self.list(items)),
        }
    }
}

/// `item in range`, as the comparisons that it is.
fn membership<'e>(a: &'e Expr, b: &'e Expr) -> Option<(&'e Expr, &'e Expr)> {
    let (ExprKind::Op(Op::Le, low), ExprKind::Op(Op::Lt, high)) = (&a.kind, &b.kind) else { return None };
    let (ExprKind::Field(from, 0), ExprKind::Field(to, 1)) = (&low[0].kind, &high[1].kind) else { return None };
    let same = |a: &Expr, b: &Expr| matches!((&a.kind, &b.kind), (ExprKind::Var(x), ExprKind::Var(y)) if x == y);
    (from.ty == Type::Range && same(from, to) && same(&low[1], &high[0])).then_some((&low[1], from))
}

/// A number whose type its place decides.
pub(super) fn is_open(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) | ExprKind::Float(_) => true,
        ExprKind::Op(op, items) => !matches!(op.row().domain, Domain::Compare) && items.iter().all(is_open),
        _ => false,
    }
}

/// Index arithmetic in `i32`, whatever the type of the place.
fn is_narrow(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) => true,
        ExprKind::Cast(inner) if e.ty.scalar().is_some_and(Scalar::is_int) => is_narrow(inner),
        ExprKind::Op(Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem | Op::Min | Op::Max, items) => {
            items.iter().all(is_narrow)
        }
        _ => e.ty == Type::I32,
    }
}

fn nested(shape: &[usize], items: &[String]) -> String {
    match shape {
        [] => items.first().cloned().unwrap_or_default(),
        [_] => format!("[{}]", items.join(", ")),
        [_, rest @ ..] => {
            let size: usize = rest.iter().product();
            let rows: Vec<String> = items.chunks(size.max(1)).map(|row| nested(rest, row)).collect();
            format!("[{}]", rows.join(", "))
        }
    }
}

fn put(e: &mut Expr, var: VarId, value: &Expr) {
    if matches!(e.kind, ExprKind::Var(v) if v == var) {
        *e = value.clone();
        return;
    }
    e.for_each_child_mut(|child| put(child, var, value));
}

fn format_text(format: &Format) -> String {
    let mut text = String::from(":");
    if let Some(align) = format.align {
        text.push(format.fill);
        text.push(align);
    }
    if format.plus {
        text.push('+');
    }
    if format.zero {
        text.push('0');
    }
    if format.width > 0 {
        text.push_str(&format.width.to_string());
    }
    if let Some(precision) = format.precision {
        text.push_str(&format!(".{precision}"));
    }
    text.extend(format.kind);
    text
}
