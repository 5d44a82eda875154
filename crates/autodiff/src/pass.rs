//! One pass over the statements between several denominators and their numerator, which leaves their quotients in
//! variables.

use crate::build::*;
use crate::depend::{backward, bound_by, forward, leading, origin_of, touched};
use crate::differences::Place;
use crate::record::{Derivation, Mode, Read, Step};
use crate::reverse::{Reverse, new_var};
use crate::tensors::{dims, family_expr, fresh_binders};
use crate::{Differentiator, again, carries, errors, normalise, prune};
use diagnostics::{Span, Symbol};
use ir::{Expr, ExprKind, Family, Program, Scalar, Stmt, Type, VarId};
use std::collections::{HashMap, HashSet};

impl Differentiator {
    /// The variable that holds the whole quotient.
    pub(crate) fn value_of(&mut self, program: &mut Program, y: VarId, x: VarId, span: Span) -> VarId {
        if let Some(value) = self.quotients.get(&(y, x)) {
            return *value;
        }
        let level = self.level_of(&[y, x]);
        let mut xs = vec![x];
        for (_, other) in self.wanted.iter().filter(|(n, _)| *n == y) {
            let visible = self.levels[..=level].iter().any(|l| l.bound.contains(other));
            if !xs.contains(other) && visible && !self.quotients.contains_key(&(y, *other)) {
                xs.push(*other);
            }
        }
        if xs.len() > 1 && !self.passes(y, x, level) {
            xs.truncate(1);
        }
        self.pass(program, y, &xs, level, span);
        self.quotients[&(y, x)]
    }

    fn passes(&self, y: VarId, x: VarId, level: usize) -> bool {
        let statements: Vec<&Stmt> = self.levels[..=level].iter().flat_map(|l| &l.statements).collect();
        y != x && touched(&statements, &[x]).contains(&y)
    }

    /// One reverse pass for several denominators.
    fn pass(&mut self, program: &mut Program, y: VarId, xs: &[VarId], level: usize, span: Span) {
        let mut reached: Vec<VarId> = Vec::new();
        {
            let statements: Vec<&Stmt> = self.levels[..=level].iter().flat_map(|l| &l.statements).collect();
            for x in xs {
                if *x == y || touched(&statements, &[*x]).contains(&y) {
                    reached.push(*x);
                }
            }
        }
        for x in xs {
            if !reached.contains(x) {
                let (ny, nx) = (program.vars[y.index()].name, program.vars[x.index()].name);
                self.diagnostics.push(errors::no_dependence(span, ny.as_str(), nx.as_str()));
                self.zero_quotient(program, y, *x, level, span);
            }
        }
        if reached.is_empty() {
            return;
        }
        self.normalise_levels(program, y, &reached, level);
        let statements: Vec<Stmt> = self.levels[..=level].iter().flat_map(|l| l.statements.iter().cloned()).collect();
        let refs: Vec<&Stmt> = statements.iter().collect();
        self.note_extents(&refs);
        reached.retain(|x| !self.pushed(program, &statements, (y, *x), level, span));
        if reached.is_empty() {
            return;
        }
        let dependent = forward(&refs, &reached);
        let needed = leading(&refs, y);
        let active: HashSet<VarId> =
            dependent.iter().copied().filter(|v| needed.contains(v) && carries(&program.vars[v.index()].ty)).collect();
        let on_path: HashSet<VarId> = dependent.intersection(&needed).copied().collect();
        let opaque = self.opaque(program, &on_path);
        let mut reverse = Reverse::new(self, program, &active, &dependent);
        reverse.seed(y, span);
        let walked = match opaque {
            Some(blocked) => Err(blocked),
            None => reverse.walk(&refs),
        };
        let result = walked.map(|()| reached.iter().map(|x| reverse.adjoint(*x, span)).collect::<Vec<Option<VarId>>>());
        let (out, reads, made) = reverse.taken();
        match result {
            Ok(adjoints) => {
                let mut out = out;
                prune(&mut out, adjoints.iter().flatten().copied().collect());
                let out = again::again(program, &statements, out, &self.checkpointed);
                self.record(&refs, &out, y, &reached, (&reads, &made), span);
                for statement in &out {
                    bound_by(statement, &mut self.levels[level].bound);
                }
                self.levels[level].statements.extend(out);
                for (x, adjoint) in reached.iter().zip(adjoints) {
                    match adjoint {
                        Some(adjoint) => {
                            self.quotients.insert((y, *x), adjoint);
                            let place = Place { y, x: *x, quotient: adjoint, statements: &statements, span };
                            let compared = self.compared(program, &place);
                            self.levels[level].statements.extend(compared);
                        }
                        None => self.zero_quotient(program, y, *x, level, span),
                    }
                }
            }
            Err(blocked) => {
                let origin = origin_of(&blocked, &refs, &dependent);
                let (ny, nx) = (program.vars[y.index()].name, program.vars[reached[0].index()].name);
                self.diagnostics.push(errors::not_differentiable(span, ny.as_str(), nx.as_str(), &origin));
                for x in &reached {
                    self.zero_quotient(program, y, *x, level, span);
                }
            }
        }
    }

    /// How each of some quotients of one `y` came about.
    fn record(
        &mut self,
        statements: &[&Stmt],
        out: &[Stmt],
        y: VarId,
        xs: &[VarId],
        (reads, made): (&[Read], &[(VarId, VarId)]),
        span: Span,
    ) {
        let needed = backward(statements, y);
        let bound: Vec<VarId> = out
            .iter()
            .flat_map(|statement| match statement {
                Stmt::Let(v, _) => vec![*v],
                Stmt::Rec(rec) => rec.families.iter().map(|(v, _)| *v).collect(),
                Stmt::Do(_) => Vec::new(),
            })
            .collect();
        let helpers: Vec<VarId> =
            bound.iter().copied().filter(|v| !made.iter().any(|(_, adjoint)| adjoint == v)).collect();
        for x in xs {
            let path: HashSet<VarId> = forward(statements, &[*x]).intersection(&needed).copied().collect();
            let steps = made
                .iter()
                .filter(|(operand, adjoint)| *operand != y && path.contains(operand) && bound.contains(adjoint))
                .map(|(operand, adjoint)| Step {
                    operand: *operand,
                    adjoint: *adjoint,
                    reads: reads
                        .iter()
                        .filter(|r| r.operand == *operand && (r.output == y || path.contains(&r.output)))
                        .cloned()
                        .collect(),
                })
                .collect();
            let helpers = helpers.clone();
            self.derivations.push(Derivation { span, mode: Mode::Reverse, y, x: *x, steps, helpers });
        }
    }

    /// A name for a variable that the user did not name.
    pub(crate) fn temporary(&mut self) -> Symbol {
        self.named += 1;
        Symbol::new(&format!("v{}", self.named))
    }

    pub(crate) fn normalise_levels(&mut self, program: &mut Program, y: VarId, xs: &[VarId], level: usize) {
        let wanted: HashSet<VarId> = {
            let statements: Vec<&Stmt> = self.levels[..=level].iter().flat_map(|l| &l.statements).collect();
            let dependent = forward(&statements, xs);
            let needed = leading(&statements, y);
            dependent.intersection(&needed).copied().collect()
        };
        for k in 0..=level {
            let statements = std::mem::take(&mut self.levels[k].statements);
            let own: HashSet<VarId> = statements
                .iter()
                .flat_map(|s| {
                    let mut bound = HashSet::new();
                    bound_by(s, &mut bound);
                    bound
                })
                .filter(|v| wanted.contains(v))
                .collect();
            let statements = if own.is_empty() {
                statements
            } else {
                let (statements, checkpointed) = normalise::normalise(program, statements, &own);
                self.checkpointed.extend(checkpointed);
                statements
            };
            for statement in &statements {
                bound_by(statement, &mut self.levels[k].bound);
            }
            self.levels[k].statements = statements;
        }
    }

    pub(crate) fn note_extents(&mut self, statements: &[&Stmt]) {
        let extents = &mut self.extents;
        let note = |extents: &mut HashMap<(VarId, usize), Expr>, v: VarId, family: &Family| {
            for (k, axis) in family.axes.iter().enumerate() {
                if is_simple_extent(&axis.extent) {
                    extents.insert((v, k), axis.extent.clone());
                }
            }
        };
        for statement in statements {
            match statement {
                Stmt::Let(v, e) => match &e.kind {
                    ExprKind::Family(family) => note(extents, *v, family),
                    ExprKind::Literal(shape, _) => {
                        for (k, extent) in shape.iter().enumerate() {
                            extents.insert((*v, k), int(*extent as i64, Scalar::I64, e.span));
                        }
                    }
                    _ => {}
                },
                Stmt::Rec(rec) => rec.families.iter().for_each(|(v, family)| note(extents, *v, family)),
                Stmt::Do(_) => {}
            }
        }
    }

    /// The zero of the quotient's shape.
    fn zero_quotient(&mut self, program: &mut Program, y: VarId, x: VarId, level: usize, span: Span) {
        let (y_ty, x_ty) = (program.vars[y.index()].ty.clone(), program.vars[x.index()].ty.clone());
        let mut axes = dims(&var(y, y_ty.clone(), span), y_ty.rank(), span);
        axes.extend(dims(&var(x, x_ty.clone(), span), x_ty.rank(), span));
        let binders = fresh_binders(program, &axes, span);
        let elem = x_ty.elem().clone();
        let zero = float(0.0, &elem, span);
        let rank = axes.len();
        let value = if rank == 0 { zero } else { family_expr(binders, axes, zero, span) };
        let bound = new_var(program, "", &Type::tensor(elem, rank), span);
        self.bind(level, bound, value);
        self.quotients.insert((y, x), bound);
    }
}

/// Constants and extents of variables.
fn is_simple_extent(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) | ExprKind::Var(_) => true,
        ExprKind::Dim(inner, _) | ExprKind::Cast(inner) => is_simple_extent(inner),
        _ => false,
    }
}
