//! That `@fn` rules are linear in their tangents, proven on the rule's program: every term has exactly one tangent
//! as a factor.

use crate::errors;
use diagnostics::{Diagnostic, Span};
use ir::{Expr, ExprKind, Family, FuncId, Op, Program, ReduceOp, Stmt, VarId, WhereItem};
use std::collections::{HashMap, HashSet};

/// How an expression depends on the tangents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Degree {
    /// The constant zero: fits everywhere.
    Zero,
    /// Mentions no tangent.
    Constant,
    Linear,
}

struct NotLinear {
    span: Span,
    why: &'static str,
}

type Checked = Result<Degree, NotLinear>;

/// Every rule of the program, once for each place in the source.
pub fn check_rules(program: &Program) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut seen: HashSet<Span> = HashSet::new();
    for func in &program.funcs {
        let Some(rule) = func.rule else { continue };
        let rule = &program.funcs[rule.index()];
        let mut check = Check { program, degrees: HashMap::new(), calls: Vec::new() };
        for param in &rule.params {
            let tangent = program.vars[param.index()].name.as_str().starts_with('@');
            check.degrees.insert(*param, if tangent { Degree::Linear } else { Degree::Constant });
        }
        let problem = match check.degree(&rule.body) {
            Ok(Degree::Linear | Degree::Zero) => None,
            Ok(Degree::Constant) => {
                Some(NotLinear { span: value_of(&rule.body).span, why: "no tangent is a factor of this" })
            }
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem
            && seen.insert(problem.span)
        {
            found.push(errors::not_linear(problem.span, func.name.as_str(), problem.why));
        }
    }
    found
}

/// The last expression of nested blocks.
fn value_of(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Block(_, value) => value_of(value),
        _ => e,
    }
}

struct Check<'a> {
    program: &'a Program,
    degrees: HashMap<VarId, Degree>,
    /// Calls that are being looked into.
    calls: Vec<FuncId>,
}

impl Check<'_> {
    fn constant(&mut self, e: &Expr, why: &'static str) -> Result<(), NotLinear> {
        match self.degree(e)? {
            Degree::Linear => Err(NotLinear { span: e.span, why }),
            _ => Ok(()),
        }
    }

    /// Two terms of a sum, or two values of a choice.
    fn alike(&self, a: (Degree, &Expr), b: (Degree, &Expr)) -> Checked {
        use Degree::*;
        match (a.0, b.0) {
            (Zero, other) | (other, Zero) => Ok(other),
            (Linear, Constant) => Err(NotLinear { span: b.1.span, why: "no tangent is a factor of this term" }),
            (Constant, Linear) => Err(NotLinear { span: a.1.span, why: "no tangent is a factor of this term" }),
            (same, _) => Ok(same),
        }
    }

    fn degree(&mut self, e: &Expr) -> Checked {
        use Degree::*;
        Ok(match &e.kind {
            ExprKind::Int(0) => Zero,
            ExprKind::Float(v) if *v == 0.0 => Zero,
            ExprKind::Unit
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Dim(..) => Constant,
            ExprKind::Var(v) => self.degrees.get(v).copied().unwrap_or(Constant),
            ExprKind::Load(load) => {
                for index in &load.index {
                    self.constant(index, "a tangent chooses what is read")?;
                }
                self.degree(&load.tensor)?
            }
            ExprKind::Cast(inner) => match self.degree(inner)? {
                Linear if !crate::terms::is_float(&e.ty) => {
                    return Err(NotLinear { span: e.span, why: "a cast forgets how the tangent moves" });
                }
                degree => degree,
            },
            ExprKind::Op(op, args) => self.operation(*op, args, e)?,
            ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                self.constant(a, "a tangent decides")?;
                self.constant(b, "a tangent decides")?;
                Constant
            }
            ExprKind::If(c, a, b) => {
                self.constant(c, "a tangent decides")?;
                let (x, y) = (self.degree(a)?, self.degree(b)?);
                self.alike((x, value_of(a)), (y, value_of(b)))?
            }
            ExprKind::Block(statements, value) => {
                for statement in statements {
                    match statement {
                        Stmt::Let(v, d) => {
                            let degree = self.degree(d)?;
                            self.degrees.insert(*v, degree);
                        }
                        Stmt::Do(d) => {
                            self.degree(d)?;
                        }
                        Stmt::Rec(rec) => {
                            let mut linear = false;
                            rec.families.iter().for_each(|(_, f)| f.for_each_child(|e| linear |= self.mentions(e)));
                            for (v, _) in &rec.families {
                                self.degrees.insert(*v, if linear { Linear } else { Constant });
                            }
                            for (_, family) in &rec.families {
                                self.family(family)?;
                            }
                        }
                    }
                }
                self.degree(value)?
            }
            ExprKind::Reduce(reduce) => {
                self.items(&reduce.wheres)?;
                let degree = self.degree(&reduce.body)?;
                match (reduce.op, degree) {
                    (ReduceOp::Sum | ReduceOp::Mean, degree) => degree,
                    (_, Linear) => return Err(NotLinear { span: e.span, why: "this reduction is not a sum" }),
                    _ => Constant,
                }
            }
            ExprKind::Family(family) => self.family(family)?,
            ExprKind::Literal(_, items) | ExprKind::Tuple(items) => {
                let mut all: Option<(Degree, &Expr)> = None;
                for item in items {
                    let degree = self.degree(item)?;
                    all = Some(match all {
                        None => (degree, item),
                        Some(before) => (self.alike(before, (degree, item))?, item),
                    });
                }
                all.map_or(Constant, |(degree, _)| degree)
            }
            ExprKind::Field(inner, _) | ExprKind::CheckShape(inner, _) | ExprKind::Checkpoint(inner) => {
                self.degree(inner)?
            }
            ExprKind::Call(func, args) => self.call(*func, args, e)?,
            _ => {
                if self.mentions(e) {
                    return Err(NotLinear { span: e.span, why: "a tangent cannot stand here" });
                }
                Constant
            }
        })
    }

    fn mentions(&self, e: &Expr) -> bool {
        ir::visit::free_vars(e).iter().any(|v| self.degrees.get(v) == Some(&Degree::Linear))
    }

    fn operation(&mut self, op: Op, args: &[Expr], e: &Expr) -> Checked {
        use Degree::*;
        let degrees: Vec<Degree> = args.iter().map(|a| self.degree(a)).collect::<Result<_, _>>()?;
        Ok(match op {
            Op::Add | Op::Sub => self.alike((degrees[0], &args[0]), (degrees[1], &args[1]))?,
            Op::Neg => degrees[0],
            Op::Mul => match (degrees[0], degrees[1]) {
                (Linear, Linear) => return Err(NotLinear { span: e.span, why: "a product of two tangents" }),
                (Zero, _) | (_, Zero) => Zero,
                (Linear, _) | (_, Linear) => Linear,
                _ => Constant,
            },
            Op::Div => match (degrees[0], degrees[1]) {
                (_, Linear) => return Err(NotLinear { span: e.span, why: "a division by a tangent" }),
                (first, _) => first,
            },
            _ if degrees.contains(&Linear) => return Err(NotLinear { span: e.span, why: "not linear in the tangent" }),
            _ => Constant,
        })
    }

    fn items(&mut self, items: &[WhereItem]) -> Result<(), NotLinear> {
        for item in items {
            match item {
                WhereItem::Def(v, d) => {
                    let degree = self.degree(d)?;
                    self.degrees.insert(*v, degree);
                }
                WhereItem::Guard(g) => self.constant(g, "a tangent decides")?,
            }
        }
        Ok(())
    }

    fn family(&mut self, family: &Family) -> Checked {
        let mut all = Degree::Zero;
        for clause in &family.clauses {
            self.items(&clause.wheres)?;
            let degree = self.degree(&clause.body)?;
            all = self.alike((all, &clause.body), (degree, &clause.body))?;
            if let Some(otherwise) = &clause.otherwise {
                let degree = self.degree(otherwise)?;
                all = self.alike((all, &clause.body), (degree, otherwise))?;
            }
        }
        Ok(all)
    }

    /// A function of tangents is looked into.
    fn call(&mut self, func: FuncId, args: &[Expr], e: &Expr) -> Checked {
        let degrees: Vec<Degree> = args.iter().map(|a| self.degree(a)).collect::<Result<_, _>>()?;
        if !degrees.contains(&Degree::Linear) {
            return Ok(Degree::Constant);
        }
        if self.calls.contains(&func) {
            return Ok(Degree::Linear);
        }
        let callee = &self.program.funcs[func.index()];
        let saved = std::mem::take(&mut self.degrees);
        self.degrees = callee.params.iter().copied().zip(degrees).collect();
        self.calls.push(func);
        let result = self.degree(&callee.body);
        self.calls.pop();
        self.degrees = saved;
        // Seen from the rule, the call is the place.
        result.map_err(|problem| NotLinear { span: e.span, ..problem })
    }
}
