//! Expressions as text.

use super::Printer;
use crate::expr::*;
use crate::types::*;
use std::fmt;

impl Printer<'_> {
    fn call(&mut self, name: impl fmt::Display, items: &[Expr]) {
        self.show(name);
        self.text("(");
        self.list(items, Self::expr);
        self.text(")");
    }

    /// An expression that needs parentheses as an operand gets them.
    pub(super) fn atom(&mut self, e: &Expr) {
        use ExprKind::*;
        let open = match &e.kind {
            Op(op, _) => op.is_infix() || *op == crate::Op::Neg || *op == crate::Op::Not,
            Int(value) => *value < 0,
            Float(value) => *value < 0.0,
            Cast(_) | And(..) | Or(..) | If(..) | IsVariant(..) | Family(_) | Range(..) | Assert(_) | Try(_)
            | Quotient(_) | Tangent(..) => true,
            _ => false,
        };
        if open {
            self.text("(");
        }
        self.expr(e);
        if open {
            self.text(")");
        }
    }

    fn infix(&mut self, a: &Expr, op: &str, b: &Expr) {
        self.atom(a);
        self.show(format_args!(" {op} "));
        self.atom(b);
    }

    fn suffix(&mut self, ty: &Type, usual: Scalar) {
        if let Some(scalar) = ty.scalar()
            && scalar != usual
        {
            self.show(scalar);
        }
    }

    pub(super) fn expr(&mut self, e: &Expr) {
        use ExprKind::*;
        match &e.kind {
            Unit => self.text("()"),
            Bool(value) => self.show(value),
            Int(value) => {
                self.show(value);
                self.suffix(&e.ty, Scalar::I32);
            }
            Float(value) => {
                // An `f32` reads best as its own shortest text.
                match e.ty.scalar() {
                    Some(Scalar::F64) => self.show(format_args!("{value:?}")),
                    _ => self.show(format_args!("{:?}", *value as f32)),
                }
                self.suffix(&e.ty, Scalar::F32);
            }
            Str(text) => self.show(format_args!("{text:?}")),
            Var(var) => self.var(*var),
            Block(stmts, value) => self.scope(|p| {
                p.lines(|p| {
                    for stmt in stmts {
                        p.stmt(stmt);
                    }
                    p.newline();
                    p.expr(value);
                })
            }),
            Op(op, items) => match &items[..] {
                [a, b] if op.is_infix() => self.infix(a, op.name(), b),
                [a] if *op == crate::Op::Neg || *op == crate::Op::Not => {
                    self.text(if *op == crate::Op::Neg { "-" } else { "!" });
                    self.atom(a);
                }
                _ => self.call(op.name(), items),
            },
            Cast(value) => {
                self.atom(value);
                self.text(" as ");
                self.ty(&e.ty);
            }
            And(a, b) => self.infix(a, "&&", b),
            Or(a, b) => self.infix(a, "||", b),
            If(cond, yes, no) => {
                self.text("if ");
                self.expr(cond);
                self.text(" ");
                self.braced(yes);
                self.text(" else ");
                self.braced(no);
            }
            Tuple(items) => {
                if let Type::Struct(_) = e.ty {
                    self.ty(&e.ty);
                }
                self.call("", items);
            }
            Field(value, k) => {
                self.atom(value);
                self.field_name(&value.ty, *k);
            }
            Variant(k, items) => {
                self.variant_name(&e.ty, *k);
                self.call("", items);
            }
            IsVariant(value, k) => {
                self.atom(value);
                self.text(" is ");
                self.variant_name(&value.ty, *k);
            }
            Payload(value, variant, field) => {
                self.atom(value);
                self.text(".");
                self.variant_name(&value.ty, *variant);
                self.show(format_args!(".{field}"));
            }
            Load(load) => {
                self.atom(&load.tensor);
                self.text("[");
                self.list(load.index.iter().enumerate(), |p, (k, index)| {
                    let proven = load.proven.get(k) == Some(&true);
                    match index.kind {
                        Int(value) => p.show(value),
                        _ if proven => p.expr(index),
                        _ => p.atom(index),
                    }
                    if !proven {
                        p.text("?");
                    }
                });
                self.text("]");
            }
            Dim(value, axis) => {
                self.atom(value);
                self.show(format_args!(".dim({axis})"));
            }
            Reduce(reduce) => self.scope(|p| {
                p.text(reduce.op.name());
                p.text("[");
                p.list(&reduce.binders, |p, binder| p.binder(binder, ": "));
                p.text("](");
                p.gated(&reduce.body, &reduce.wheres);
                p.text(")");
            }),
            Family(family) => {
                self.text("family ");
                self.show(family.name);
                self.family(family);
            }
            Literal(shape, items) => {
                let mut items = items.iter();
                self.literal(shape, &mut items);
            }
            CheckShape(value, extents) => {
                self.text("check(");
                self.expr(value);
                self.text(", [");
                self.list(extents, |p, extent| match extent {
                    Some(extent) => p.show(extent),
                    None => p.text("?"),
                });
                self.text("])");
            }
            Comprehension(comprehension) => self.comprehension(comprehension),
            List(items) => self.call("list", items),
            Item(list, index) => {
                self.atom(list);
                self.text("[");
                self.expr(index);
                self.text("]");
            }
            Range(lo, hi) => {
                self.bound(lo);
                self.text("..");
                self.bound(hi);
            }
            Call(func, items) => {
                match self.program.funcs.get(func.index()) {
                    Some(callee) => self.func_name(callee.name, Some(*func)),
                    None => self.show(func),
                }
                self.call("", items);
            }
            Builtin(builtin, items) => self.call(format_args!("{builtin:?}"), items),
            Interpolate(pieces) => {
                self.text("text(");
                self.list(pieces, |p, piece| match piece {
                    Piece::Text(text) => p.show(format_args!("{text:?}")),
                    Piece::Value(value, format) => {
                        p.expr(value);
                        if let Some(format) = format {
                            p.text(": ");
                            p.format(format);
                        }
                    }
                });
                self.text(")");
            }
            Assert(assert) => self.scope(|p| {
                p.text("assert ");
                for (var, value) in &assert.lets {
                    p.text("let ");
                    p.new_var(*var);
                    p.text(" = ");
                    p.expr(value);
                    p.text(" in ");
                    p.declare(*var);
                }
                p.expr(&assert.cond);
                if let Some(message) = &assert.message {
                    p.text(" else ");
                    p.expr(message);
                }
            }),
            Try(value) => {
                self.text("try ");
                self.atom(value);
            }
            Quotient(quotient) => {
                self.text("@");
                self.atom(&quotient.y);
                self.text(" / @");
                self.var(quotient.x);
                if !quotient.x_cell.is_empty() {
                    self.text("[");
                    self.list(&quotient.x_cell, Self::expr);
                    self.text("]");
                }
            }
            Tangent(value, inputs) => {
                self.text("@");
                self.atom(value);
                self.text(" by (");
                self.list(inputs, |p, var| p.var(*var));
                self.text(")");
            }
            StopGradient(value) => self.call("stop_gradient", std::slice::from_ref(value)),
            Checkpoint(value) => self.call("checkpoint", std::slice::from_ref(value)),
        }
    }

    fn literal(&mut self, shape: &[usize], items: &mut std::slice::Iter<Expr>) {
        match shape {
            [] => {
                if let Some(item) = items.next() {
                    self.expr(item);
                }
            }
            [extent, rest @ ..] => {
                self.text("[");
                self.list(0..*extent, |p, _| p.literal(rest, items));
                self.text("]");
            }
        }
    }

    fn comprehension(&mut self, comprehension: &Comprehension) {
        self.scope(|p| {
            for clause in &comprehension.clauses {
                if let CompClause::For(var, _) | CompClause::Let(var, _) = clause {
                    p.declare(*var);
                }
            }
            p.text("[");
            p.expr(&comprehension.body);
            if !comprehension.row.is_empty() {
                p.text("; ");
                p.list(&comprehension.row, Self::bound);
            }
            p.text(" | ");
            p.list(&comprehension.clauses, |p, clause| match clause {
                CompClause::If(e) => p.expr(e),
                CompClause::For(var, e) | CompClause::Let(var, e) => {
                    p.var(*var);
                    p.text(if matches!(clause, CompClause::Let(..)) { " = " } else { " in " });
                    p.expr(e);
                }
            });
            p.text("]");
        });
    }

    fn field_name(&mut self, ty: &Type, k: usize) {
        let field = match ty {
            Type::Struct(id) => self.program.structs.get(id.index()).and_then(|info| info.fields.get(k)),
            _ => None,
        };
        match field {
            Some((name, _)) => self.show(format_args!(".{name}")),
            None => self.show(format_args!(".{k}")),
        }
    }

    fn variant_name(&mut self, ty: &Type, k: usize) {
        let variant = match ty {
            Type::Enum(id) => self.program.enums.get(id.index()).and_then(|info| info.variants.get(k)),
            _ => None,
        };
        match variant {
            Some(variant) => {
                self.ty(ty);
                self.show(format_args!("::{}", variant.name));
            }
            None => self.show(format_args!("variant {k}")),
        }
    }

    fn format(&mut self, format: &Format) {
        if let Some(align) = format.align {
            self.show(format.fill);
            self.show(align);
        }
        if format.plus {
            self.text("+");
        }
        if format.zero {
            self.text("0");
        }
        if format.width > 0 {
            self.show(format.width);
        }
        if let Some(precision) = format.precision {
            self.show(format_args!(".{precision}"));
        }
        if let Some(kind) = format.kind {
            self.show(kind);
        }
    }
}
