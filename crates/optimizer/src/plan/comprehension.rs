//! Comprehensions: nested generators that fill a tensor or a builder.

use super::function::Lower;
use super::value::{Part, Value};
use diagnostics::Span;
use ir::loops::{Bin, Ex, Local, Turns, Ty};
use ir::{CompClause, Comprehension, Expr, Type, VarId};

/// What a generator takes its items from.
enum Source {
    Range(Part, Part),
    Tensor(Local),
    List(Local),
}

impl Lower<'_, '_> {
    pub fn comprehension(&mut self, comprehension: &Comprehension, e: &Expr) -> Value {
        let rank = e.ty.rank();
        let filters = comprehension.clauses.iter().any(|clause| matches!(clause, CompClause::If(_)));
        let generators = comprehension.clauses.iter().filter(|clause| matches!(clause, CompClause::For(..))).count();
        if let [CompClause::For(var, source), rest @ ..] = &comprehension.clauses[..]
            && rank == 1
            && generators == 1
            && !filters
        {
            return self.counted(*var, source, rest, &comprehension.body, e);
        }
        let item = match &e.ty {
            Type::Tensor(elem, rank) => Type::tensor((**elem).clone(), rank - 1),
            Type::List(item) => (**item).clone(),
            other => unreachable!("a comprehension is no {other:?}"),
        };
        let row: Vec<Part> = comprehension.row.iter().map(|extent| self.extent(extent)).collect();
        let builder = self.new_builder(&item, e.span);
        self.generate(&comprehension.clauses, &mut |lower| {
            let mark = lower.region().temps.len();
            let value = lower.lower_as(&comprehension.body, &item);
            lower.push_item(builder, value, &item, e.span);
            lower.release_temps(mark);
        });
        let (finish, args) = match rank {
            0 => ("build_list", Vec::new()),
            1 => ("build_tensor", Vec::new()),
            _ => ("build_stack", vec![Ex::Int(Ty::I32, row.len() as i64), self.shape_arg(&row)]),
        };
        Value::one(self.end_builder(finish, builder, args, e.span))
    }

    /// One generator without filters: the length is known before.
    fn counted(&mut self, var: VarId, source: &Expr, rest: &[CompClause], body: &Expr, e: &Expr) -> Value {
        let source_type = &source.ty;
        let source = self.source(source);
        let (lo, hi) = self.item_range(&source);
        let count = hi.clone().bin(Bin::Sub, lo.clone()).bin(Bin::SMax, Part::index(0));
        let elem = e.ty.elem().clone();
        let tensor = self.new_tensor(&elem, vec![count], false, "", e.span);
        self.for_loop((lo.clone(), hi), Turns::Up, "", |lower, at| {
            let at = lower.read(at);
            lower.bind_item(var, &source, source_type, at.clone(), body.span);
            lower.generate(rest, &mut |lower| {
                let value = lower.lower_as(body, &elem).parts.remove(0);
                let cell = at.clone().bin(Bin::Sub, lo.clone());
                lower.store_cell(tensor, cell, value, &elem);
            });
        });
        Value::one(self.read(tensor))
    }

    fn generate(&mut self, clauses: &[CompClause], leaf: &mut dyn FnMut(&mut Self)) {
        match clauses.split_first() {
            None => leaf(self),
            Some((CompClause::For(var, from), rest)) => {
                let source = self.source(from);
                let range = self.item_range(&source);
                self.for_loop(range, Turns::Up, "", |lower, at| {
                    let at = lower.read(at);
                    lower.bind_item(*var, &source, &from.ty, at, from.span);
                    lower.generate(rest, leaf);
                });
            }
            Some((CompClause::Let(var, value), rest)) => {
                let ty = &self.program().vars[var.index()].ty;
                let value = self.lower_as(value, ty);
                self.bind(*var, value, false);
                self.generate(rest, leaf);
            }
            Some((CompClause::If(cond), rest)) => {
                let cond = self.scalar(cond);
                self.when(cond, |lower| lower.generate(rest, leaf));
            }
        }
    }

    fn source(&mut self, e: &Expr) -> Source {
        match &e.ty {
            Type::Range => {
                let value = self.lower(e);
                let [lo, hi] = value.parts.try_into().expect("a range has two ends");
                Source::Range(self.atom(lo), self.atom(hi))
            }
            Type::Tensor(..) => Source::Tensor(self.object(e)),
            _ => Source::List(self.object(e)),
        }
    }

    fn item_range(&mut self, source: &Source) -> (Part, Part) {
        match source {
            Source::Range(lo, hi) => (lo.clone(), hi.clone()),
            Source::Tensor(tensor) => (Part::index(0), self.dim(*tensor, 0)),
            Source::List(list) => (Part::index(0), self.list_length(*list)),
        }
    }

    fn bind_item(&mut self, var: VarId, source: &Source, source_type: &Type, at: Part, span: Span) {
        let ty = self.program().vars[var.index()].ty.clone();
        match source {
            Source::Range(..) => {
                let scalar = ty.scalar().unwrap_or(ir::Scalar::I64);
                let part = super::cast::resized(at, true, Ty::of(scalar));
                self.vars.insert(var, Value::one(part));
            }
            Source::Tensor(tensor) if source_type.rank() == 1 => {
                let cell = self.cell(*tensor, vec![at], source_type.elem());
                self.bind(var, Value::one(cell), false);
            }
            Source::Tensor(tensor) => {
                let args = vec![Ex::Local(*tensor), at.ex, Ex::Int(Ty::I64, 1), Ex::Int(Ty::I32, 1)];
                let row = self.make("tensor_rows", args, span);
                self.bind(var, Value::one(row), false);
            }
            Source::List(list) => {
                let item = self.list_item(*list, at, &ty);
                self.bind(var, item, false);
            }
        }
    }
}
